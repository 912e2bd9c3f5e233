using Btx.Model.Files;
using Btx.Model.Moe;
using Btx.Model.Tensors;
using Btx.Trainer.Networks;
using Btx.Trainer.RoutingStatistics;
using Btx.Trainer.Shards;
using TorchSharp;
using static TorchSharp.torch;

namespace Btx.Trainer.Phases;

/// <summary>Goes beside a training loop and minds the mixture: which weights learn, balance, statistics of the routing, alarms.</summary>
internal sealed class MoeTuner
{
    private readonly LlamaModel model;
    private readonly MoeTuning tuning;
    private readonly string directory;
    private readonly RoutingCurve curve;
    private readonly RoutingWatch watch;
    private readonly RoutingTally tally;
    private readonly RoutingMap map;
    private readonly long every;
    private readonly List<RoutingAlarm> alarms = [];
    private readonly Action<string>? warn;
    private double balance;

    /// <param name="every">Steps between statistics.</param>
    /// <param name="warn">Receives the alarms as lines.</param>
    public MoeTuner(LlamaModel model, MoeTuning tuning, string directory, long every, Action<string>? warn)
    {
        (this.model, this.tuning, this.directory, this.every, this.warn) = (model, tuning, directory, every, warn);
        curve = new RoutingCurve(directory, tuning.Names);
        watch = new RoutingWatch(tuning.Names);
        tally = new RoutingTally(model.Moe.Count, tuning.Names.Count);
        map = new RoutingMap(tuning.Names, model.Moe.Count);
        foreach (var moe in model.Moe) moe.Settings = tuning.Routing;
        if (!tuning.FreezeExperts) return;
        foreach (var (name, parameter) in model.NamedParameters)
        {
            if (IsExpert(name)) parameter.requires_grad_(false);
        }
    }

    public IReadOnlyList<RoutingAlarm> Alarms => alarms;

    /// <summary>Mean over the layers of E · Σ u p in the last step: 1 when even, E when one expert
    /// carries all; null without load balancing.</summary>
    public double? Balance => tuning.Routing.LoadBalancing > 0 ? balance : null;

    /// <summary>Of the statistic that is being collected.</summary>
    public double SmallestShare { get; private set; } = double.NaN;

    /// <summary>What a resume point keeps: the sums since the last statistic.</summary>
    public IReadOnlyList<double> Sums => tally.Sums;

    /// <summary>Goes on after <paramref name="step"/> steps.</summary>
    public void Resume(long step, IReadOnlyList<double>? sums)
    {
        curve.Load(step);
        foreach (var statistic in curve.Rows.GroupBy(r => r.Step)) alarms.AddRange(watch.Note(statistic));
        if (sums is not null) tally.Sums = sums;
    }

    public void BeginStep() => balance = 0;

    /// <summary>One forward and its loss in training.</summary>
    /// <param name="step">From 0.</param>
    /// <param name="part">Which of the step's micro-batches.</param>
    /// <param name="parts">Micro-batches in a step.</param>
    /// <param name="loss">Runs the network and returns the cross-entropy.</param>
    /// <returns>The cross-entropy, and what to call backward on.</returns>
    public (Tensor CrossEntropy, Tensor Objective) Forward(long step, int part, int parts, Func<Tensor> loss)
    {
        foreach (var moe in model.Moe) (moe.Training, moe.At) = (true, (step, part));
        Tensor crossEntropy;
        try
        {
            crossEntropy = loss();
        }
        finally
        {
            foreach (var moe in model.Moe) moe.Training = false;
        }

        for (var l = 0; l < model.Moe.Count; l++) tally.Add(l, model.Moe[l].Routing!);
        if (model.BalanceLoss is not { } term) return (crossEntropy, crossEntropy);
        balance += term.item<float>() / (tuning.Routing.LoadBalancing * model.Moe.Count * parts);
        return (crossEntropy, crossEntropy.Plus(term));
    }

    /// <summary>Takes the statistic if one is due.</summary>
    /// <param name="step">Finished steps.</param>
    /// <param name="last">Whether the run ends here.</param>
    public void EndStep(long step, long tokens, bool last)
    {
        SmallestShare = tally.SmallestShare();
        if (step % every != 0 && !last) return;
        var rows = tally.Rows(step, tokens);
        tally.Clear();
        curve.Add(rows);
        foreach (var alarm in watch.Note(rows))
        {
            alarms.Add(alarm);
            warn?.Invoke(watch.Line(alarm, tuning.Routing.LoadBalancing));
        }
    }

    public void SaveCsv() => curve.SaveCsv();

    /// <summary>Adds the forward just done to what is known of a domain's routing.</summary>
    public void Note(string domain)
    {
        for (var l = 0; l < model.Moe.Count; l++) map.Of(domain).Add(l, model.Moe[l].Routing!);
    }

    /// <summary>Leaves statistics, picture and <c>btx.json</c> beside the finished weights, and the mixture's own router statistics: they
    /// are of its experts before they were mixed.</summary>
    /// <param name="steps">Of the run.</param>
    public void Finish(TrainingJob job, TokenShardCache cache, long steps)
    {
        curve.SaveCsv();
        map.Save(directory, job.Name, tuning.ExpertsPerToken, alarms);
        AtomicFile.CopyIfThere(Path.Combine(job.Parents[0].Model, RouterStatistics.FileName),
            Path.Combine(directory, RouterStatistics.FileName));
        TunedManifest.Of(job, cache, steps, CheckpointFiles.Hash(directory)).Save(directory);
    }

    private static bool IsExpert(string name) => name.Contains(".block_sparse_moe.experts.", StringComparison.Ordinal);
}
