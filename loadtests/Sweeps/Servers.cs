using System.Globalization;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Sweeps;

/// <summary>The servers of a sweep, one at a time: started when a point needs another one, ended then and at the end.</summary>
/// <param name="logs">Directory of their outputs: server-1.log and on.</param>
internal sealed class Servers(ServerInputs inputs, string logs) : IAsyncDisposable
{
    private readonly HashSet<string> _verified = new(StringComparer.Ordinal);
    private ServerKey? _key;
    private LiveServer? _server;

    public ServerInputs Inputs => inputs;

    /// <summary>The one that the point needs.</summary>
    /// <exception cref="LoadTestException">It does not come up.</exception>
    public Task<LiveServer> ForAsync(PointSettings settings, CancellationToken cancellation) =>
        ForAsync(ServerKey.Of(settings)!, settings.Precision, settings.Options, cancellation);

    /// <summary>Of a precision, with the first value of each option.</summary>
    /// <exception cref="LoadTestException">It does not come up.</exception>
    public Task<LiveServer> ForAsync(string precision, CancellationToken cancellation)
    {
        var first = new PointSettings("ensemble", null, "closed", 1, null, precision, inputs.FirstOptions);
        return ForAsync(first, cancellation);
    }

    /// <summary>One that is not read-only, beside none of the sweep's own.</summary>
    /// <exception cref="LoadTestException">It does not come up.</exception>
    public async Task<LiveServer> StartAsync(IEnumerable<string> arguments, CancellationToken cancellation)
    {
        await DisposeAsync().ConfigureAwait(false);
        return await LiveServer.StartAsync(inputs.Command!, arguments, NextLog(), cancellation).ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null) await _server.DisposeAsync().ConfigureAwait(false);
        (_server, _key) = (null, null);
    }

    private async Task<LiveServer> ForAsync(ServerKey key, string precision, IReadOnlyDictionary<string, string> options,
        CancellationToken cancellation)
    {
        if (_server is not null && key == _key) return _server;
        await DisposeAsync().ConfigureAwait(false);
        _server = inputs.Grpc is { } running
            ? await LiveServer.ReachAsync(running, inputs.Http, cancellation).ConfigureAwait(false)
            : await LiveServer.StartAsync(inputs.Command!, inputs.Arguments(precision, options, _verified.Contains(precision)), NextLog(),
            cancellation).ConfigureAwait(false);
        _verified.Add(precision);
        _key = key;
        return _server;
    }

    private string NextLog()
    {
        for (var n = 1; ; n++)
        {
            var path = Path.Combine(logs, string.Create(CultureInfo.InvariantCulture, $"server-{n}.log"));
            if (!File.Exists(path)) return path;
        }
    }
}
