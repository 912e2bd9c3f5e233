using System.Diagnostics;
using Btx.Trainer.Optimisation;
using TorchSharp;

namespace Btx.Trainer.Phases;

/// <summary>The steps of a run: draw, forward, backward, clip, update; now and then log, validate and save.</summary>
internal sealed class TrainingLoop(
    LlamaModel model, AdamW optimizer, WindowSampler sampler, TrainingOptions options, RunSettings settings, CsvCurve<LossPoint> curve,
    ResumeState start, MoeTuner? moe, Action<TrainingProgress>? report)
{
    private const double ReportSeconds = 0.2;
    private readonly long steps = options.Steps;
    private readonly long logEvery = Math.Max(1, options.Steps / LossCurve.Rows);
    private readonly long[] inputs = new long[options.Batch * options.Sequence];
    private readonly long[] targets = new long[options.Batch * options.Sequence];
    private readonly Stopwatch clock = new();
    private double reportedAt = double.NegativeInfinity;
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
    public required ValidationWatch Watch { get; init; }
    public required long ValidateEvery { get; init; } // steps between validations
    public required Action Keep { get; init; } // keeps the weights of now as the best so far
    public required TextPasses Passes { get; init; }

    /// <summary>Mean of the last rows of the curve, a twentieth of the run.</summary>
    public double? MeanLoss => curve.Rows.Count == 0 ? null
        : Math.Round(curve.Rows.TakeLast(Math.Max(1, LossCurve.Rows / 20)).Average(p => p.Loss), 5);

    /// <exception cref="BtxException">The loss or the gradient is not finite.</exception>
    public ResumeState Run(CancellationToken cancellation)
    {
        var rates = options.Rates();
        var savedAt = 0.0;
        while (step < steps && !Watch.Exhausted)
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
            moe?.EndStep(step, step * options.TokensPerStep, step == steps);
            clock.Stop();
            var now = clock.Elapsed.TotalSeconds;
            var measured = Measure();
            var last = step == steps || Watch.Exhausted;
            if (step % logEvery == 0 || last || measured is not null) Log(rate, measured);
            if (now - reportedAt >= ReportSeconds || last) Report();
            if (last || (settings.CheckpointSteps > 0 ? step % settings.CheckpointSteps == 0 : now - savedAt >= settings.CheckpointSeconds))
            {
                savedAt = now;
                Save(State());
            }
        }

        return State();
    }

    private double? Measure()
    {
        var windows = Watch.Decides ? ValidationWatch.Windows : settings.ValidationWindows / 4;
        if (windows < 1 || !(step % ValidateEvery == 0 ? Watch.Decides || step < steps : Watch.Decides && step == steps)) return null;
        bits = Validate(windows).Values.Average();
        if (Watch.Note(step, bits.Value) && Watch.Decides) Keep();
        return bits;
    }

    /// <summary>Puts the final validation on the last row of the curve, if it is of the last weights.</summary>
    public void Finish(double? bitsPerByte, bool last)
    {
        bits = bitsPerByte ?? bits;
        if (last && curve.Rows.Count > 0) curve.Rows[^1] = curve.Rows[^1] with { BitsPerByte = bitsPerByte };
        Report();
    }

    private void Report()
    {
        reportedAt = clock.Elapsed.TotalSeconds;
        var perStep = options.TokensPerStep;
        report?.Invoke(new(step * perStep, steps * perStep, start.Step * perStep, recent, bits)
        {
            Passes = Passes.Of(step * perStep),
            Balance = recentBalance,
            SmallestShare = moe?.SmallestShare,
        });
    }

    private ResumeState State() =>
        new(step, sampler.State, start.Seconds + clock.Elapsed.TotalSeconds, start.Options) { Routing = moe?.Sums, Best = Watch.Best };

    private void Step(double rate)
    {
        using var scope = torch.NewDisposeScope();
        moe?.BeginStep();
        var total = 0.0;
        for (var a = 0; a < options.Accumulate; a++)
        {
            sampler.Next(inputs, targets);
            var (loss, objective) = moe is null ? (Loss(), null) : moe.Forward(step, a, options.Accumulate, Loss);
            objective ??= loss;
            if (options.Accumulate > 1) (objective / KeptScalar.Of(options.Accumulate)).backward(); else objective.backward();
            total += loss.item<float>() / options.Accumulate;
        }

        if (!double.IsFinite(total)) throw Diverged("loss", total, rate);
        var norm = optimizer.Step(rate);
        if (!double.IsFinite(norm)) throw Diverged("norm of the gradient", norm, rate);
        lossSum += total;
        balanceSum += moe?.Balance ?? 0;
        lossCount++;
        recent = double.IsNaN(recent) ? total : recent + (0.05 * (total - recent));
        recentBalance += 0.05 * (moe?.Balance - recentBalance);
        recentBalance ??= moe?.Balance;
    }

    private torch.Tensor Loss() => model.Loss(
        torch.tensor(inputs, [options.Batch, options.Sequence], torch.int64, model.Device),
        torch.tensor(targets, [options.Batch, options.Sequence], torch.int64, model.Device));

    private void Log(double rate, double? bitsPerByte)
    {
        curve.Rows.Add(new(step, step * options.TokensPerStep, lossSum / lossCount, rate, start.Seconds + clock.Elapsed.TotalSeconds,
            bitsPerByte, moe?.Balance is null ? null : balanceSum / lossCount));
        (lossSum, balanceSum, lossCount) = (0, 0, 0);
    }

    private BtxException Diverged(string what, double value, double rate) =>
        new($"the {what} became {value} at step {step + 1} of {steps} (learning rate {rate:G3}); start over with --fresh and a lower "
            + "--lr, a longer --warmup or a smaller --clip");
}
