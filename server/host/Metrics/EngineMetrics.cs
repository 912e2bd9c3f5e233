using System.Globalization;
using Btx.Engine;
using Prometheus;

namespace Btx.Server.Metrics;

/// <summary>
/// The engine's reports as Prometheus metrics. Called on the engine's thread: series of experts are looked up once, the rest is
/// adding to counters.
/// </summary>
internal sealed class EngineMetrics : IStepObserver
{
    private readonly Counter _requests, _promptTokens, _completionTokens, _prefilled, _expertSteps, _posteriorMass,
        _routedTokens, _gateMass;
    private readonly Counter _decodeSteps, _decodeSeconds, _decodeRows, _expertDecodeRuns, _routedDecodeRuns;
    private readonly Gauge _active, _queued;
    private readonly Histogram _queueTime, _firstToken, _interToken, _requestTime, _stepTime;
    private ExpertSeries[] _experts = [];
    private GateSeries[] _gates = []; // [L, N]
    private string[] _routed = []; // the names that _gates was made for

    public EngineMetrics(CollectorRegistry registry)
    {
        var metrics = Prometheus.Metrics.WithCustomRegistry(registry);
        Registry = registry;
        _requests = metrics.CreateCounter("btx_requests_total", "Requests that ended, by routing mode and outcome.", ["mode", "outcome"]);
        _promptTokens = metrics.CreateCounter("btx_prompt_tokens_total", "Prompt tokens of requests that ended.");
        _completionTokens = metrics.CreateCounter("btx_completion_tokens_total", "Tokens generated.");
        _prefilled = metrics.CreateCounter("btx_prefill_tokens_total", "Prompt tokens computed, summed over experts.");
        _expertSteps = metrics.CreateCounter("btx_expert_steps_total", "Rows (sequences of a step) that ran on each expert.", ["expert"]);
        _posteriorMass = metrics.CreateCounter("btx_expert_posterior_mass_total",
            "Posterior weight given to each expert, summed over generated tokens.", ["expert"]);
        _routedTokens = metrics.CreateCounter("btx_moe_expert_tokens_total", "Tokens that each expert of the BTX model computed, by layer.",
            ["layer", "expert"]);
        _gateMass = metrics.CreateCounter("btx_moe_gate_mass_total",
            "Gate given to each expert of the BTX model, summed over tokens, by layer.", ["layer", "expert"]);
        _decodeSteps = metrics.CreateCounter("btx_decode_steps_total", "Steps that gave tokens and prefilled nothing.");
        _decodeSeconds = metrics.CreateCounter("btx_decode_seconds_total", "Length of decode steps, summed.");
        _decodeRows = metrics.CreateCounter("btx_decode_rows_total", "Tokens that decode steps gave.");
        _expertDecodeRuns = metrics.CreateCounter("btx_expert_decode_runs_total", "Decode steps in which each expert ran at least one row.",
            ["expert"]);
        _routedDecodeRuns = metrics.CreateCounter("btx_moe_expert_decode_runs_total",
            "Decode steps in which each expert of the BTX model computed at least one token, by layer.", ["layer", "expert"]);
        _active = metrics.CreateGauge("btx_active_sequences", "Sequences that hold a slot.");
        _queued = metrics.CreateGauge("btx_queue_depth", "Requests that wait for a slot.");
        _queueTime = metrics.CreateHistogram("btx_queue_seconds", "Time from arrival to admission.", Seconds(0.001));
        _firstToken = metrics.CreateHistogram("btx_time_to_first_token_seconds", "Time from arrival to the first token, by routing mode.",
            ["mode"], Seconds(0.001));
        _interToken = metrics.CreateHistogram("btx_inter_token_seconds",
            "Time between two tokens of a sequence: the length of each step, once per token.", Seconds(0.0005));
        _requestTime = metrics.CreateHistogram("btx_request_duration_seconds", "Time from arrival to the end, by routing mode.", ["mode"],
            Seconds(0.005));
        _stepTime = metrics.CreateHistogram("btx_step_duration_seconds", "Length of the engine's steps.", Seconds(0.0005));
    }

    public CollectorRegistry Registry { get; }

    public void OnStep(in StepReport report)
    {
        _active.Set(report.RunningSequences);
        _queued.Set(report.QueuedRequests);
        _stepTime.Observe(report.Duration.TotalSeconds);
        if (report.PrefillTokens > 0) _prefilled.Inc(report.PrefillTokens);
        if (report.GeneratedTokens > 0)
        {
            _completionTokens.Inc(report.GeneratedTokens);
            _interToken.Observe(report.Duration.TotalSeconds, report.GeneratedTokens);
        }

        var decodes = report is { PrefillTokens: 0, GeneratedTokens: > 0 };
        if (decodes)
        {
            _decodeSteps.Inc();
            _decodeSeconds.Inc(report.Duration.TotalSeconds);
            _decodeRows.Inc(report.GeneratedTokens);
        }

        var series = SeriesOf(report.Experts.Span);
        for (var j = 0; j < series.Length; j++)
        {
            series[j].Steps.Inc(report.ExpertRows.Span[j]);
            series[j].Mass.Inc(report.PosteriorMass.Span[j]);
            if (decodes && report.ExpertRows.Span[j] > 0) series[j].DecodeRuns.Inc();
        }

        if (report.RoutedTokens.IsEmpty) return;
        var gates = GatesOf(report.MoeExperts.Span, report.RoutedTokens.Length);
        for (var i = 0; i < gates.Length; i++)
        {
            gates[i].Tokens.Inc(report.RoutedTokens.Span[i]);
            gates[i].Mass.Inc(report.GateMass.Span[i]);
            if (decodes && report.RoutedTokens.Span[i] > 0) gates[i].DecodeRuns.Inc();
        }
    }

    public void OnForest(ForestDescription forest)
    {
        SeriesOf([.. forest.Experts]);
        GatesOf([.. forest.Moe?.Experts ?? []], (forest.Moe?.Layers ?? 0) * (forest.Moe?.Experts.Count ?? 0));
    }

    public void OnIdle()
    {
        _active.Set(0);
        _queued.Set(0);
    }

    public void OnRequestEnd(in RequestReport report)
    {
        _requests.WithLabels(report.Mode, Name(report.Finish)).Inc();
        _promptTokens.Inc(report.PromptTokens);
        _queueTime.Observe(report.Queued.TotalSeconds);
        if (report.CompletionTokens > 0) _firstToken.WithLabels(report.Mode).Observe(report.TimeToFirstToken.TotalSeconds);
        _requestTime.WithLabels(report.Mode).Observe(report.Total.TotalSeconds);
    }

    private static HistogramConfiguration Seconds(double smallest) => new() { Buckets = Histogram.ExponentialBuckets(smallest, 2, 16) };

    private static string Name(Engine.Requests.FinishReason finish) => finish switch
    {
        Engine.Requests.FinishReason.Stop => "stop",
        Engine.Requests.FinishReason.Length => "length",
        Engine.Requests.FinishReason.Cancelled => "cancelled",
        Engine.Requests.FinishReason.Failed => "failed",
        Engine.Requests.FinishReason.Removed => "removed",
        Engine.Requests.FinishReason.Aborted => "aborted",
        _ => "done",
    };

    private ExpertSeries[] SeriesOf(ReadOnlySpan<string> names)
    {
        var same = names.Length == _experts.Length;
        for (var j = 0; same && j < names.Length; j++) same = ReferenceEquals(names[j], _experts[j].Name) || names[j] == _experts[j].Name;
        if (same) return _experts;
        foreach (var gone in _experts)
        {
            if (names.Contains(gone.Name)) continue;
            foreach (var family in (Counter[])[_expertSteps, _posteriorMass, _expertDecodeRuns]) family.RemoveLabelled(gone.Name);
        }

        var series = new ExpertSeries[names.Length];
        for (var j = 0; j < names.Length; j++)
            series[j] = new(names[j], _expertSteps.WithLabels(names[j]), _posteriorMass.WithLabels(names[j]),
                _expertDecodeRuns.WithLabels(names[j]));
        return _experts = series;
    }

    private GateSeries[] GatesOf(ReadOnlySpan<string> names, int count)
    {
        if (_gates.Length == count && names.SequenceEqual(_routed)) return _gates;
        var layers = names.IsEmpty ? 0 : count / names.Length;
        for (var i = 0; i < _gates.Length; i++)
        {
            if (i / _routed.Length < layers && names.Contains(_routed[i % _routed.Length])) continue;
            foreach (var family in (Counter[])[_routedTokens, _gateMass, _routedDecodeRuns])
                family.RemoveLabelled(Layer(i, _routed), _routed[i % _routed.Length]);
        }

        _routed = names.ToArray();
        var series = new GateSeries[count];
        for (var i = 0; i < count; i++)
        {
            string[] labels = [Layer(i, names), names[i % names.Length]];
            series[i] = new(_routedTokens.WithLabels(labels), _gateMass.WithLabels(labels), _routedDecodeRuns.WithLabels(labels));
        }

        return _gates = series;
    }

    private static string Layer(int index, ReadOnlySpan<string> names) => (index / names.Length).ToString(CultureInfo.InvariantCulture);

    private sealed record GateSeries(Counter.Child Tokens, Counter.Child Mass, Counter.Child DecodeRuns);

    private sealed record ExpertSeries(string Name, Counter.Child Steps, Counter.Child Mass, Counter.Child DecodeRuns);
}
