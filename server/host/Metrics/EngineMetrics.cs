using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using Prometheus;

namespace Btx.Server.Metrics;

/// <summary>The engine's reports as Prometheus metrics, on its thread: series of experts are looked up once, the rest is adding.</summary>
internal sealed class EngineMetrics(CollectorRegistry registry) : IEngineObserver
{
    private readonly Counter _requests =
        Count(registry, "btx_requests_total", "Requests that ended, by routing mode and outcome.", "mode", "outcome");
    private readonly Counter _promptTokens = Count(registry, "btx_prompt_tokens_total", "Prompt tokens of requests that ended.");
    private readonly Counter _completionTokens = Count(registry, "btx_completion_tokens_total", "Tokens generated.");
    private readonly Counter _prefilled = Count(registry, "btx_prefill_tokens_total", "Prompt tokens computed, summed over experts.");
    private readonly ExpertSeries _experts = new(
        Count(registry, "btx_expert_steps_total", "Rows (sequences of a step) that ran on each expert.", "expert"),
        Count(registry, "btx_expert_posterior_mass_total",
            "Posterior weight given to each expert, summed over generated tokens.", "expert"),
        Count(registry, "btx_expert_decode_runs_total", "Decode steps in which each expert ran at least one row.", "expert"));
    private readonly ExpertSeries _routed = new(
        Count(registry, "btx_moe_expert_tokens_total", "Tokens that each expert of the BTX model computed, by layer.", "layer", "expert"),
        Count(registry, "btx_moe_gate_mass_total",
            "Gate given to each expert of the BTX model, summed over tokens, by layer.", "layer", "expert"),
        Count(registry, "btx_moe_expert_decode_runs_total",
            "Decode steps in which each expert of the BTX model computed at least one token, by layer.", "layer", "expert"));
    private readonly Counter _decodeSteps =
        Count(registry, "btx_decode_steps_total", "Steps that gave tokens and prefilled nothing.");
    private readonly Counter _decodeSeconds = Count(registry, "btx_decode_seconds_total", "Length of decode steps, summed.");
    private readonly Counter _decodeRows = Count(registry, "btx_decode_rows_total", "Tokens that decode steps gave.");
    private readonly Gauge _active = Gauge(registry, "btx_active_sequences", "Sequences that hold a slot.");
    private readonly Gauge _queued = Gauge(registry, "btx_queue_depth", "Requests that have not had slots yet, as of the last step.");
    private readonly Histogram _queueTime = Time(registry, 0.001, "btx_queue_seconds",
        "Time from submission to the engine until the request first gets its slots; the whole time if it never does.");
    private readonly Histogram _firstToken = Time(registry, 0.001, "btx_time_to_first_token_seconds",
        "Time from submission to the engine until the first token, by routing mode.", "mode");
    private readonly Histogram _interToken = Time(registry, 0.0005, "btx_inter_token_seconds",
        "Time between two tokens of a sequence: the length of each step, once per token.");
    private readonly Histogram _requestTime = Time(registry, 0.005, "btx_request_duration_seconds",
        "Time from submission to the engine until the end, by routing mode.", "mode");
    private readonly Histogram _stepTime = Time(registry, 0.0005, "btx_step_duration_seconds", "Length of the engine's steps.");

    public CollectorRegistry Registry => registry;

    /// <summary>What runs here: memory, processor time and threads of the process, and the build.</summary>
    public static void AddProcess(CollectorRegistry registry)
    {
        DotNetStats.Register(registry);
        var version = typeof(EngineMetrics).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion
            ?? "unknown";
        Prometheus.Metrics.WithCustomRegistry(registry).CreateGauge("btx_build_info",
            "1; the labels say which build runs, on which runtime.", ["version", "runtime"])
            .WithLabels(version, RuntimeInformation.FrameworkDescription).Set(1);
    }

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

        _experts.Add(report.Experts.Span, 1, report.ExpertRows.Span, report.PosteriorMass.Span, decodes);
        if (report.RoutedTokens.IsEmpty) return;
        var layers = report.RoutedTokens.Length / report.MoeExperts.Length;
        _routed.Add(report.MoeExperts.Span, layers, report.RoutedTokens.Span, report.GateMass.Span, decodes);
    }

    public void OnForest(ForestDescription forest)
    {
        _experts.Follow([.. forest.Experts], 1);
        _routed.Follow([.. forest.Moe?.Experts ?? []], forest.Moe?.Layers ?? 0);
    }

    public void OnIdle()
    {
        _active.Set(0);
        _queued.Set(0);
    }

    public void OnRequestEnd(in RequestReport report)
    {
        _requests.WithLabels(report.Mode, report.Finish == FinishReason.None ? "done" : report.Finish.ToString().ToLowerInvariant()).Inc();
        _promptTokens.Inc(report.PromptTokens);
        _queueTime.Observe(report.QueueTime.TotalSeconds);
        if (report.CompletionTokens > 0) _firstToken.WithLabels(report.Mode).Observe(report.TimeToFirstToken.TotalSeconds);
        _requestTime.WithLabels(report.Mode).Observe(report.Total.TotalSeconds);
    }

    private static Counter Count(CollectorRegistry registry, string name, string help, params string[] labels) =>
        Prometheus.Metrics.WithCustomRegistry(registry).CreateCounter(name, help, labels);

    private static Gauge Gauge(CollectorRegistry registry, string name, string help) =>
        Prometheus.Metrics.WithCustomRegistry(registry).CreateGauge(name, help);

    private static Histogram Time(CollectorRegistry registry, double smallest, string name, string help, params string[] labels) =>
        Prometheus.Metrics.WithCustomRegistry(registry).CreateHistogram(name, help, labels,
            new() { Buckets = Histogram.ExponentialBuckets(smallest, 2, 16) });

    /// <summary>Counters with a series for each expert, [layers, experts]; the label of a layer only where the counter has it.</summary>
    private sealed class ExpertSeries(Counter rows, Counter mass, Counter runs)
    {
        private string[] _names = [];
        private (Counter.Child Rows, Counter.Child Mass, Counter.Child Runs)[] _series = [];

        /// <param name="decodes">The step gave tokens and prefilled nothing.</param>
        public void Add(ReadOnlySpan<string> names, int layers, ReadOnlySpan<int> count, ReadOnlySpan<double> weight, bool decodes)
        {
            Follow(names, layers);
            for (var i = 0; i < _series.Length; i++)
            {
                _series[i].Rows.Inc(count[i]);
                _series[i].Mass.Inc(weight[i]);
                if (decodes && count[i] > 0) _series[i].Runs.Inc();
            }
        }

        /// <summary>Looks the series of these experts up, and takes those of others off the page.</summary>
        public void Follow(ReadOnlySpan<string> names, int layers)
        {
            if (_series.Length != layers * names.Length || !names.SequenceEqual(_names)) Change(names.ToArray(), layers);
        }

        private void Change(string[] names, int layers)
        {
            string[][] all = [.. Enumerable.Range(0, layers * names.Length).Select(Labels(names))];
            foreach (var gone in Enumerable.Range(0, _series.Length).Select(Labels(_names)).Where(old => !all.Any(old.SequenceEqual)))
            {
                foreach (var family in (Counter[])[rows, mass, runs]) family.RemoveLabelled(gone);
            }

            _names = names;
            _series = [.. all.Select(labels => (rows.WithLabels(labels), mass.WithLabels(labels), runs.WithLabels(labels)))];
        }

        private Func<int, string[]> Labels(string[] names) => index => rows.LabelNames.Length == 1
            ? [names[index]] : [(index / names.Length).ToString(CultureInfo.InvariantCulture), names[index % names.Length]];
    }
}
