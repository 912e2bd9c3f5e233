namespace Btx.LoadTests.Planning;

/// <summary>Seconds of a device: a decode step takes Step + PerExpert·distinct experts + PerRow·rows + PerKvByte·bytes read.</summary>
/// <param name="Step">What a step costs whatever it runs; of a BTX model the shared parameters too.</param>
/// <param name="PerPromptToken">Computing one token of a prompt on one expert.</param>
public sealed record StepCosts(double Step, double PerExpert, double PerRow, double PerPromptToken, double PerKvByte,
    IReadOnlyList<string> Assumptions)
{
    /// <summary>Share of a BTX model's expert-sized parameters that are its feed-forward layers: 8 of 12 d² in a Llama.</summary>
    public const double FeedForwardShare = 2.0 / 3;

    /// <summary>Tokens of prompts that are computed while the weights are read once.</summary>
    private const int Chunk = 256;

    public double StepTime(double distinct, double rows, double kvBytes) =>
        Step + (PerExpert * distinct) + (PerRow * rows) + (PerKvByte * kvBytes);

    /// <summary>From a machine's data sheet.</summary>
    /// <param name="efficiency">Share of bandwidth and of operations that is reached.</param>
    /// <param name="step">Seconds a step that no expert takes.</param>
    public static StepCosts Of(MachineSpec machine, ExpertSize expert, PlannedRouting routing, double efficiency, double step)
    {
        var share = routing.IsMixture ? FeedForwardShare : 1;
        var perByte = 1 / (machine.Bandwidth * 1e9 * efficiency);
        var whole = expert.WeightBytes * perByte;
        var row = machine.Teraflops is { } t ? 2 * expert.Parameters * share / (t * 1e12 * efficiency) : 0;
        return new(step + ((1 - share) * whole), share * whole, row, Math.Max(row, share * whole / Chunk), perByte,
        [
            $"an expert's weights are read at {Quantity.Percent(efficiency)} of {Quantity.Figures(machine.Bandwidth)} GB/s: assumed, not "
                + "measured (--run takes it from a measured run)",
            $"a step takes {Quantity.Seconds(step)} besides: assumed (--step-overhead)",
            machine.Teraflops is { } f
                ? $"a row takes 2 operations a parameter at {Quantity.Percent(efficiency)} of {Quantity.Figures(f)} teraflops"
                : "computing a row is free beside reading weights: true of small batches only (--teraflops)",
            $"a prompt is computed {Chunk} tokens at a time, bound by weights or by operations, whichever is slower",
        ]);
    }

    /// <summary>Of a measured run, carried over to experts of another size and to another machine.</summary>
    /// <param name="parameters">Of an expert that the run measured.</param>
    /// <param name="bandwidth">Of the run's machine, GB/s; null: not known, and the plan is for the same machine.</param>
    /// <exception cref="LoadTestException">The run does not tell what an expert costs, or the machines cannot be related.</exception>
    public static (StepCosts Costs, MachineSpec Machine) Of(MeasuredRun run, PlannedRouting routing, double parameters, double? bandwidth,
        ExpertSize expert, MachineSpec? target)
    {
        var places = StepCostFit.Places(MeasuredSettings.Group(run.Points), routing.IsMixture ? CostLine.Mixture : CostLine.Forest);
        var fit = StepCostFit.Of(places) ?? throw new LoadTestException($"--run {run.Directory}: its {places.Count} closed-loop points of "
            + $"{(routing.IsMixture ? "moe" : "top_k and ensemble")} do not tell what an expert costs; sweep three k or more");
        if (target is not null && bandwidth is null)
            throw new LoadTestException("--run with another machine needs --fitted-bandwidth, the GB/s of the run's machine");
        var share = routing.IsMixture ? FeedForwardShare : 1;
        var precision = places[0].Settings.Precision;
        if (!ExpertSize.BytesPerParameter.ContainsKey(precision))
            throw new LoadTestException($"--run {run.Directory}: no size is known of its precision, {precision}");
        var measured = new ExpertSize(parameters, precision, 0);
        var reached = measured.WeightBytes * share / fit.PerExpert / 1e9;
        var efficiency = reached / bandwidth;
        if (efficiency > 1.5)
            throw new LoadTestException($"--run {run.Directory}: an expert is read at {Quantity.Figures(reached)} GB/s, more than "
                + $"--fitted-bandwidth {bandwidth}: it lies in a cache, and its cost does not carry over to larger ones");
        var speed = target is null ? 1 : target.Bandwidth / bandwidth!.Value;
        double weights = expert.WeightBytes / measured.WeightBytes / speed, rows = expert.Parameters / parameters / speed;
        var row = target?.Teraflops is { } t ? 2 * expert.Parameters * share / (t * 1e12 * Math.Min(1, efficiency!.Value))
            : fit.PerRow * rows;
        var prompt = target?.Teraflops is not null ? Math.Max(row, fit.PerExpert * weights / Chunk) : fit.PerPromptToken * rows;
        List<string> assumptions =
        [
            $"costs are fitted to {places.Count} points of {run.Directory} ({precision}, {Quantity.Figures(parameters / 1e6)} M "
                + $"parameters an expert): {Quantity.Seconds(fit.Step)} a step, {Quantity.Seconds(fit.PerExpert)} a distinct expert, "
                + $"{Quantity.Seconds(fit.PerRow)} a row, {Quantity.Seconds(fit.PerPromptToken)} a prompt token and expert",
            $"weights were read at {Quantity.Figures(reached)} GB/s" + (efficiency is { } e
                ? $", {Quantity.Percent(e)} of {Quantity.Figures(bandwidth!.Value)}"
                    : "; how much of the machine's bandwidth that is was not given"),
        ];
        if (efficiency > 1)
            assumptions.Add("that is more than memory gives: a part of the weights stayed in a cache, and larger experts will cost more "
                + "than planned");
        if (expert.Parameters != parameters || expert.Precision != precision)
            assumptions.Add("an expert costs as many times more as it has bytes, a row as many times more as it has parameters");
        if (target is not null)
            assumptions.Add(target.Teraflops is null
                ? "on the other machine everything but the step's constant is faster as its memory is; the share of the bandwidth that is "
                    + "reached is the same"
                : "on the other machine the same share of bandwidth and of operations is reached as of bandwidth here; the step's "
                    + "constant is the same");
        if (routing.IsMixture) assumptions.Add("A of a BTX model, mostly shared weights, grows as the weights do");
        var machine = target ?? new MachineSpec
        {
            Name = run.Description.Machine.Processor,
            Bandwidth = bandwidth ?? reached,
            Memory = run.Description.Machine.MemoryBytes / (double)(1L << 30),
        };
        return (new(routing.IsMixture ? fit.Step * weights : fit.Step, fit.PerExpert * weights, row, prompt,
            fit.PerExpert * weights / (expert.WeightBytes * share), assumptions), machine);
    }
}

/// <summary>Step costs from measured points: what the planning predicts with, and is checked with.</summary>
public static class StepCostFit
{
    // The server's own default.
    private const int DefaultSlots = 16;

    /// <summary>Closed-loop points of one build, of a forest or of a BTX model.</summary>
    public static IReadOnlyList<MeasuredSettings> Places(IEnumerable<MeasuredSettings> measured, string form) =>
    [
        .. measured.Where(m => LineFitting.FormOf(m) == form && m is { K: not null, Settings.Concurrency: not null, Experts: not null }
            && Step(m) is > 0 && Cycle(m) is not null).GroupBy(m => Wording.Build(m.Settings)).MaxBy(g => g.Count())
                ?? Enumerable.Empty<MeasuredSettings>(),
    ];

    /// <summary>Null if the points do not tell what an expert costs.</summary>
    public static StepCosts? Of(IReadOnlyList<MeasuredSettings> places)
    {
        double[][] rows = [.. places.Select(m => new[] { 1, Distinct(m), Batch(m) * m.K!.Value })];
        double[] y = [.. places.Select(m => Step(m)!.Value)], weights = [.. y.Select(v => 1 / (v * v))];
        // All three; without rows; without a constant: the first in which nothing costs less than nothing.
        foreach (var columns in new int[][] { [0, 1, 2], [0, 1], [1, 2], [1] })
        {
            if (places.Count < columns.Length + 1
                || LeastSquares.Try([.. rows.Select(r => columns.Select(c => r[c]).ToArray())], y, weights) is not { } fit
                || fit.Coefficients.Any(c => c < 0))
                continue;
            double At(int column) => Array.IndexOf(columns, column) is >= 0 and var i ? fit.Coefficients[i] : 0;
            if (At(1) <= 0) continue;
            return new(At(0), At(1), At(2), places.Select(m => (Point: m, Cycle: Cycle(m)!.Value)).Select(m => Math.Max(0,
                (m.Cycle.Seconds - (m.Cycle.Output * Step(m.Point)!.Value / Batch(m.Point))) / PromptRows(m.Point))).Median(), 0, []);
        }

        return null;
    }

    /// <summary>Predicts what was measured: every closed-loop point from all others of its kind, every knee from the closed loop.</summary>
    public static PlanCheck Check(MeasuredRun run)
    {
        var measured = MeasuredSettings.Group(run.Points);
        var curves = LoadCurves.Of(measured, new AnalysisOptions());
        List<CheckedPoint> points = [];
        List<CheckedKnee> knees = [];
        List<string> notes = [];
        foreach (var form in new[] { CostLine.Forest, CostLine.Mixture })
        {
            var places = Places(measured, form);
            if (places.Count == 0) continue;
            points.AddRange(from place in places
                            let others = Of([.. places.Where(p => p != place)])
                            where others is not null
                            select new CheckedPoint(place.Name, place.Repeats.Select(r => r.Summary.TokensPerSecond).Median(),
                                Cycle(place)!.Value.Output / Predict(others, place, place.Settings.Concurrency!.Value)));
            if (points.Count == 0)
                notes.Add($"{form}: {Quantity.Count(places.Count, "closed-loop point")}; to predict one, three others are needed");
            if (Of(places) is not { } costs) continue;
            // The closed-loop point of the same model tells the lengths; its slots are the server's.
            knees.AddRange(from curve in curves
                           where curve is { Load: "open", Knee: not null }
                           let place = places.FirstOrDefault(p => (p.Settings.Mode, p.Settings.K) == (curve.Mode, curve.K)
                               && Wording.Build(p.Settings) == Wording.Build(curve.Precision, curve.Options))
                           where place is not null
                           let slots = int.TryParse(curve.Options.GetValueOrDefault("--slots"), out var n) && n > 0 ? n : DefaultSlots
                           select new CheckedKnee(Wording.Model(curve.Mode, curve.K), curve.Knee!.Load, curve.Knee.Low, curve.Knee.High,
                               1 / Predict(costs, place, slots)));
        }

        if (points.Count == 0 && notes.Count == 0) notes.Add("no closed-loop points of top_k, ensemble or moe: nothing to check");
        return new PlanCheck(run.Directory, points, knees, notes);
    }

    /// <summary>Seconds of the server for one request of a point with so many in flight.</summary>
    private static double Predict(StepCosts costs, MeasuredSettings m, double batch)
    {
        var step = costs.StepTime(UnionFitting.Formula(m.Experts!.Value, m.K!.Value, batch), batch * m.K!.Value, 0);
        return (costs.PerPromptToken * PromptRows(m)) + (Cycle(m)!.Value.Output * step / batch);
    }

    private static double? Step(MeasuredSettings m) => (m.Middle(CostMetric.DecodeStep) ?? m.Middle(CostMetric.InterToken))?.Value;

    private static double Batch(MeasuredSettings m) =>
        m.Middle(p => p.Server?.MeanBatch)?.Value is { } b and > 0 ? b : m.Settings.Concurrency!.Value;

    private static double Distinct(MeasuredSettings m) =>
        m.Distinct?.Value is { } d and > 0 ? d : UnionFitting.Formula(m.Experts!.Value, m.K!.Value, Batch(m));

    // Prompt tokens times the experts that read them: all of a forest, the k of a BTX model.
    private static double PromptRows(MeasuredSettings m) =>
        Cycle(m)!.Value.Prompt * (m.Settings.Mode == "moe" ? m.K!.Value : m.Experts!.Value);

    // Seconds for each request that ended, and its mean lengths.
    private static (double Seconds, double Prompt, double Output)? Cycle(MeasuredSettings m)
    {
        var done = m.Repeats.Select(r => r.Summary)
            .Where(s => s.Requests > s.Failed && s is { TokensPerSecond: > 0, CompletionTokens: > 0, PromptTokens: > 0 }).ToArray();
        if (done.Length == 0) return null;
        var requests = done.Sum(s => (double)s.Requests - s.Failed);
        double Mean(Func<Records.LoadSummary, double> of) => done.Sum(of) / requests;
        return (Mean(s => s.CompletionTokens) / done.Select(s => s.TokensPerSecond).Median(), Mean(s => s.PromptTokens),
            Mean(s => s.CompletionTokens));
    }
}
