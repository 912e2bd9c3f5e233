using Btx.LoadTests.Doors;

namespace Btx.LoadTests.Measuring;

/// <summary>The <c>/metrics</c> of a server.</summary>
public sealed class ServerMetrics : IDisposable
{
    private readonly Uri _page;
    private readonly HttpClient _http;

    /// <param name="http">Its HTTP door.</param>
    public ServerMetrics(Uri http)
    {
        _page = new(http, "/metrics");
        _http = new(DoorConnections.Create()) { Timeout = TimeSpan.FromSeconds(10) };
    }

    /// <summary>Null: there are none, or not of a server of this kind.</summary>
    public async Task<MetricsPage?> ReadAsync(CancellationToken cancellation)
    {
        try
        {
            using var response = await _http.GetAsync(_page, cancellation).ConfigureAwait(false);
            if (!response.IsSuccessStatusCode) return null;
            var page = MetricsPage.Parse(await response.Content.ReadAsStringAsync(cancellation).ConfigureAwait(false));
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
