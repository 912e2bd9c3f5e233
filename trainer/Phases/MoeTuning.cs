using Btx.Trainer.RoutingStatistics;
using TorchSharp;
using static TorchSharp.torch;

namespace Btx.Trainer.Phases;

/// <summary>What a fine-tune of a BTX model needs besides a training job.</summary>
public sealed record MoeTuning
{
    public const double DefaultLoadBalancing = 0.01;

    public required BtxManifest Source { get; init; } // of the BTX model that is fine-tuned
    public required MoeTraining Routing { get; init; }
    public bool FreezeExperts { get; init; } // whether the experts' weights stay as they are

    /// <summary>k at inference.</summary>
    public int ExpertsPerToken => RouterKind.ExpertsPerToken(Routing.Router, Routing.ExpertsPerToken, Source.Experts.Count);

    /// <summary>Experts by index.</summary>
    public IReadOnlyList<string> Names => [.. Source.Experts.Select(e => e.Name)];

    /// <summary>Whether a weight learns.</summary>
    public bool Learns(string name) => !FreezeExperts || !name.Contains(".block_sparse_moe.experts.", StringComparison.Ordinal);

    /// <summary>By flag, as text.</summary>
    public IEnumerable<KeyValuePair<string, string>> Flags() =>
    [
        new("--router", Routing.Router), new("--k", $"{ExpertsPerToken}"), new("--load-balancing", $"{Routing.LoadBalancing:R}"),
        new("--freeze", FreezeExperts ? "experts" : "nothing"),
    ];

    /// <summary>How a BTX model is to route, from flags and from what the BTX model says of itself.</summary>
    /// <param name="kind">Null: as the BTX model was made.</param>
    /// <param name="k">Null: as the BTX model was made if its router is kept, else 2.</param>
    /// <exception cref="BtxException">An unknown kind, a k out of range, or a k for a kind that fixes it.</exception>
    public static MoeTraining Route(BtxManifest source, string? kind, int? k, double loadBalancing, long seed)
    {
        var (router, experts) = (kind ?? source.Router.Kind, source.Experts.Count);
        var kept = router == source.Router.Kind ? source.Router.ExpertsPerToken : Math.Min(2, experts);
        return (MoeTraining.Of(router, k, kept, experts) with { LoadBalancing = loadBalancing, Seed = seed }).Validate(experts);
    }

    /// <summary>What <c>btx.json</c> says after the fine-tune: experts and lineage as before, how the router works now, and on what it was
    /// tuned in all.</summary>
    internal BtxManifest Tuned(TrainingJob job, TokenShardCache cache, long steps, string sha256)
    {
        var earlier = Source.FineTune;
        var tokens = steps * job.Options.TokensPerStep;
        var all = tokens + (earlier?.Tokens ?? 0);
        SortedDictionary<string, string> corpora = new(earlier?.Corpora.ToDictionary() ?? [], StringComparer.Ordinal);
        SortedDictionary<string, double> weights = new(earlier?.Weights.ToDictionary(w => w.Key, w => w.Value * earlier.Tokens / all) ?? [],
            StringComparer.Ordinal);
        foreach (var (i, source) in job.Sources.Index())
        {
            corpora[source.Name] = cache.Key(source, CorpusSplit.Train);
            weights[source.Name] = weights.GetValueOrDefault(source.Name) + ((job.Weights?[i] ?? (1.0 / job.Sources.Count)) * tokens / all);
        }

        return Source with
        {
            Architecture = job.Architecture.Fingerprint(),
            Sha256 = sha256,
            Router = Source.Router with { Kind = Routing.Router, ExpertsPerToken = ExpertsPerToken, SoftLayers = Routing.SoftLayers },
            FineTune = new()
            {
                Tokens = all,
                Steps = steps + (earlier?.Steps ?? 0),
                Corpora = corpora,
                Weights = weights,
                LoadBalancing = Routing.LoadBalancing,
                FrozenExperts = FreezeExperts && (earlier?.FrozenExperts ?? true),
            },
        };
    }
}

/// <summary>Goes beside a training loop and minds the BTX model: balance, statistics of the routing, alarms.</summary>
/// <param name="every">Steps between statistics.</param>
internal sealed class MoeTuner(LlamaModel model, MoeTuning tuning, string directory, long every, Action<string>? warn)
{
    private readonly CsvCurve<RoutingRow> curve = RoutingCurve.Of(directory, tuning.Names);
    private readonly RoutingWatch watch = new(tuning.Names);
    private readonly RoutingTally tally = new(model.Moe.Count, tuning.Names.Count);
    private readonly RoutingMap map = new(tuning.Names, model.Moe.Count);
    private readonly List<RoutingAlarm> alarms = [];
    private double balance;

    public IReadOnlyList<RoutingAlarm> Alarms => alarms;

    /// <summary>Mean over the layers of E · Σ u p in the last step: 1 when even, E when one expert carries all; null without load
    /// balancing.</summary>
    public double? Balance => tuning.Routing.LoadBalancing > 0 ? balance : null;

    public double SmallestShare { get; private set; } = double.NaN; // of the statistic that is being collected

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
    /// <param name="parts">Micro-batches in a step.</param>
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
    public void EndStep(long step, long tokens, bool last)
    {
        SmallestShare = tally.SmallestShare();
        if (step % every != 0 && !last) return;
        var rows = tally.Rows(step, tokens);
        tally.Clear();
        curve.Rows.AddRange(rows);
        foreach (var alarm in watch.Note(rows))
        {
            alarms.Add(alarm);
            warn?.Invoke(watch.Line(alarm, tuning.Routing.LoadBalancing));
        }
    }

    public void SaveCsv() => curve.Save();

    /// <summary>Adds the forward just done to what is known of a domain's routing.</summary>
    public void Note(string domain)
    {
        for (var l = 0; l < model.Moe.Count; l++) map.Of(domain).Add(l, model.Moe[l].Routing!);
    }

    /// <summary>Leaves statistics, picture and <c>btx.json</c> beside the finished weights, and the BTX model's own router statistics: they
    /// are of its experts before they were mixed.</summary>
    public void Finish(TrainingJob job, TokenShardCache cache, long steps)
    {
        curve.Save();
        map.Save(directory, job.Name, tuning.ExpertsPerToken, alarms);
        var statistics = RouterStatistics.FileName;
        AtomicFile.CopyIfThere(Path.Combine(job.Parents[0].Model, statistics), Path.Combine(directory, statistics));
        tuning.Tuned(job, cache, steps, CheckpointFiles.Hash(directory)).Save(directory);
    }
}
