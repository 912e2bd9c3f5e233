using System.Diagnostics;
using Btx.Model;
using Btx.Trainer.Checkpoints;
using Btx.Trainer.Networks;
using Btx.Trainer.Optimisation;
using Btx.Trainer.Shards;
using TorchSharp;

namespace Btx.Trainer.Phases;

/// <summary>The steps of a run: draw, forward, backward, clip, update; now and then log, validate and save.</summary>
internal sealed class TrainingLoop(
    LlamaModel model, AdamW optimizer, WindowSampler sampler, TrainingOptions options, RunSettings settings, LossCurve curve, ResumeState start, MixtureTuner? mixture, Action<TrainingProgress>? report)
{
    private const double ReportSeconds = 0.2;
    private readonly long steps = options.Steps;
    private readonly long logEvery = Math.Max(1, options.Steps / LossCurve.Rows);
    private readonly long[] inputs = new long[options.Batch * options.Sequence];
    private readonly long[] targets = new long[options.Batch * options.Sequence];
    private readonly Stopwatch clock = new();
    private double lossSum;
    private double balanceSum;
    private int lossCount;
    private double recent = double.NaN;
    private double? recentBalance;
    private double? bits;
    private long step = start.Step;

    /// <summary>Bits per byte by source over at most so many windows each.</summary>
    public required Func<int, IReadOnlyDictionary<string, double>> Validate { get; init; }

    public required Action<ResumeState> Save { get; init; }

    /// <summary>Mean of the last rows of the curve, a twentieth of the run.</summary>
    public double? MeanLoss => curve.Points.Count == 0 ? null : Math.Round(curve.Points.TakeLast(Math.Max(1, LossCurve.Rows / 20)).Average(p => p.Loss), 5);

    /// <exception cref="BtxException">The loss or the gradient is not finite.</exception>
    public ResumeState Run(CancellationToken cancellation)
    {
        var rates = options.Rates();
        var validateEvery = settings.ValidateSteps > 0 ? settings.ValidateSteps : Math.Max(1, (steps + 3) / 4);
        double savedAt = 0, reportedAt = double.NegativeInfinity;
        while (step < steps)
        {
            if (cancellation.IsCancellationRequested)
            {
                if (step > start.Step) Save(State());
                cancellation.ThrowIfCancellationRequested();
            }

            clock.Start();
            var rate = rates.Rate(step);
            Step(rate);
            step++;
            mixture?.EndStep(step, step * options.TokensPerStep, step == steps);
            clock.Stop();
            var now = clock.Elapsed.TotalSeconds;
            if (step % validateEvery == 0 && step < steps && settings.ValidationWindows >= 4) bits = Validate(settings.ValidationWindows / 4).Values.Average();
            if (step % logEvery == 0 || step == steps) Log(rate, step % validateEvery == 0 && step < steps ? bits : null);
            if (now - reportedAt >= ReportSeconds || step == steps)
            {
                reportedAt = now;
                Report();
            }

            if (step == steps || (settings.CheckpointSteps > 0 ? step % settings.CheckpointSteps == 0 : now - savedAt >= settings.CheckpointSeconds))
            {
                savedAt = now;
                Save(State());
            }
        }

        return State();
    }

    /// <summary>Puts the final validation on the last row of the curve.</summary>
    public void Finish(double? bitsPerByte)
    {
        bits = bitsPerByte ?? bits;
        if (curve.Points.Count > 0) curve.Amend(curve.Points[^1] with { BitsPerByte = bitsPerByte });
        Report();
    }

    private void Report() => report?.Invoke(
        new(step * options.TokensPerStep, steps * options.TokensPerStep, start.Step * options.TokensPerStep, recent, bits) { Balance = recentBalance, SmallestShare = mixture?.SmallestShare });

    private ResumeState State() => new(step, sampler.State, start.Seconds + clock.Elapsed.TotalSeconds, start.Options) { Routing = mixture?.Sums };

    private void Step(double rate)
    {
        using var scope = torch.NewDisposeScope();
        mixture?.BeginStep();
        var total = 0.0;
        for (var a = 0; a < options.Accumulate; a++)
        {
            sampler.Next(inputs, targets);
            var (loss, objective) = mixture is null ? Both(Loss()) : mixture.Forward(step, a, options.Accumulate, Loss);
            if (options.Accumulate > 1) (objective / (double)options.Accumulate).backward(); else objective.backward();
            total += loss.item<float>() / options.Accumulate;
        }

        if (!double.IsFinite(total)) throw Diverged("loss", total, rate);
        var norm = optimizer.Step(rate);
        if (!double.IsFinite(norm)) throw Diverged("norm of the gradient", norm, rate);
        lossSum += total;
        balanceSum += mixture?.Balance ?? 0;
        lossCount++;
        recent = double.IsNaN(recent) ? total : recent + (0.05 * (total - recent));
        recentBalance += 0.05 * (mixture?.Balance - recentBalance);
        recentBalance ??= mixture?.Balance;
    }

    private torch.Tensor Loss() => model.Loss(
        torch.tensor(inputs, [options.Batch, options.Sequence], torch.int64, model.Device),
        torch.tensor(targets, [options.Batch, options.Sequence], torch.int64, model.Device));

    private static (torch.Tensor CrossEntropy, torch.Tensor Objective) Both(torch.Tensor loss) => (loss, loss);

    private void Log(double rate, double? bitsPerByte)
    {
        curve.Add(new LossPoint(step, step * options.TokensPerStep, lossSum / lossCount, rate, start.Seconds + clock.Elapsed.TotalSeconds, bitsPerByte, mixture?.Balance is null ? null : balanceSum / lossCount));
        (lossSum, balanceSum, lossCount) = (0, 0, 0);
    }

    private BtxException Diverged(string what, double value, double rate) =>
        new($"the {what} became {value} at step {step + 1} of {steps} (learning rate {rate:G3}); start over with --fresh and a lower --lr, a longer --warmup or a smaller --clip");
}
