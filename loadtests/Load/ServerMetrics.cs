using System.Text.RegularExpressions;

namespace Btx.LoadTests.Load;

/// <summary>The <c>/metrics</c> of a server.</summary>
/// <param name="key">Null: none is sent.</param>
public sealed class ServerMetrics(Uri http, string? key = null) : IDisposable
{
    private readonly HttpClient _http = new(Connection.Handler())
    {
        Timeout = TimeSpan.FromSeconds(10),
        DefaultRequestHeaders = { Authorization = key is null ? null : new("Bearer", key) },
    };

    /// <summary>Null: there are none, or not of a server of this kind.</summary>
    public async Task<MetricsPage?> ReadAsync(CancellationToken cancellation)
    {
        try
        {
            using var response = await _http.GetAsync(new Uri(http, "/metrics"), cancellation);
            if (!response.IsSuccessStatusCode) return null;
            var page = new MetricsPage(await response.Content.ReadAsStringAsync(cancellation));
            return page.Has("btx_step_duration_seconds_count") ? page : null;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            cancellation.ThrowIfCancellationRequested();
            return null;
        }
    }

    public void Dispose() => _http.Dispose();
}

/// <summary>A page of metrics in Prometheus' text format, as it was at one time.</summary>
public sealed partial class MetricsPage(string text)
{
    private readonly ILookup<string, (Dictionary<string, string> Labels, double Value)> _samples = Sample().Matches(text)
        .Where(m => double.TryParse(m.Groups["value"].Value, out _))
        .ToLookup(m => m.Groups["name"].Value, m => (m.Groups["label"].Captures.Zip(m.Groups["is"].Captures)
            .ToDictionary(l => l.First.Value, l => Regex.Unescape(l.Second.Value)), double.Parse(m.Groups["value"].Value)));

    public bool Has(string name) => _samples.Contains(name);

    public double Sum(string name) => _samples[name].Sum(s => s.Value);

    public Dictionary<string, double> By(string name, string label) => _samples[name].Where(s => s.Labels.ContainsKey(label))
        .GroupBy(s => s.Labels[label]).ToDictionary(g => g.Key, g => g.Sum(s => s.Value));

    /// <summary>What the server did since an earlier reading of its counters.</summary>
    internal ServerFigures Since(MetricsPage before)
    {
        double Delta(string name) => Sum(name) - before.Sum(name);
        double Mean(string histogram) => Delta(histogram + "_count") is var count and > 0 ? Delta(histogram + "_sum") / count : 0;
        var (steps, old) = (Delta("btx_decode_steps_total"), before.By("btx_expert_steps_total", "expert"));
        double? Distinct(string name, int layers) => steps > 0 && Delta(name) is var runs and > 0 ? runs / steps / layers : null;
        return new(Requests: Delta("btx_requests_total"), CompletionTokens: Delta("btx_completion_tokens_total"),
            PrefillTokens: Delta("btx_prefill_tokens_total"), Steps: Delta("btx_step_duration_seconds_count"),
            StepSeconds: Delta("btx_step_duration_seconds_sum"), MeanTimeToFirstToken: Mean("btx_time_to_first_token_seconds"),
            MeanRequestSeconds: Mean("btx_request_duration_seconds"), DecodeSteps: steps,
            DecodeSeconds: Delta("btx_decode_seconds_total"), MeanBatch: steps > 0 ? Delta("btx_decode_rows_total") / steps : 0,
            DistinctExperts: Distinct("btx_expert_decode_runs_total", 1),
            DistinctMixtureExperts: Distinct("btx_moe_expert_decode_runs_total",
                Math.Max(1, By("btx_moe_expert_decode_runs_total", "layer").Count)))
        {
            ExpertSteps = By("btx_expert_steps_total", "expert").ToDictionary(s => s.Key, s => s.Value - old.GetValueOrDefault(s.Key)),
        };
    }

    // NAME{NAME="VALUE",…} VALUE [TIME], with \\, \" and \n in labels' values.
    [GeneratedRegex("""^(?<name>[\w:]+)(\{((?<label>\w+)="(?<is>([^"\\\n]|\\.)*)",?)*\})? +(?<value>\S+)""", RegexOptions.Multiline)]
    private static partial Regex Sample();
}

/// <summary>Reads the server's counters and this process's processor time where measuring begins and where it ends.</summary>
internal sealed class MeasuredWindow(ServerMetrics? metrics)
{
    private MetricsPage? _before;
    private long _opened;
    private TimeSpan _processor;
    private bool _closed;

    public bool IsOpen { get; private set; }

    /// <summary>Null before the window is closed, or without metrics.</summary>
    public ServerFigures? Figures { get; private set; }

    /// <summary>Processor seconds of this process a second.</summary>
    public double ProcessorShare { get; private set; }

    public async Task OpenAsync(CancellationToken cancellation)
    {
        if (metrics is not null) _before = await metrics.ReadAsync(cancellation);
        (_opened, _processor, IsOpen) = (TimeProvider.System.GetTimestamp(), Environment.CpuUsage.TotalTime, true);
    }

    /// <summary>Once, and only if it is open.</summary>
    public async Task CloseAsync(CancellationToken cancellation)
    {
        if (!IsOpen || _closed) return;
        _closed = true;
        double Seconds() => Math.Max(1e-9, TimeProvider.System.GetElapsedTime(_opened).TotalSeconds);
        ProcessorShare = (Environment.CpuUsage.TotalTime - _processor).TotalSeconds / Seconds();
        if (_before is null || await metrics!.ReadAsync(cancellation) is not { } after) return;
        Figures = after.Since(_before) with { Seconds = Seconds() };
    }
}
