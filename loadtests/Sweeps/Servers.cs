using Btx.V1;
using Grpc.Core;

namespace Btx.LoadTests.Sweeps;

/// <summary>What a sweep may serve, and how.</summary>
/// <param name="Concurrency">The largest closed loop: the server gets a slot for each request of it.</param>
/// <param name="AveragesOnDemand">No mode needs averages when the server starts.</param>
/// <param name="FirstOptions">The values that the server of a description is started with.</param>
/// <param name="Program">See <see cref="ServerProcess.Program"/>; where <paramref name="Grpc"/> is set, that server is loaded.</param>
/// <param name="Key">Of a running server; null: none is sent.</param>
internal sealed record ServerInputs(IReadOnlyDictionary<string, string> Forests, IReadOnlyDictionary<string, string> Mixtures,
    IReadOnlyList<string> Precisions, int Concurrency, bool AveragesOnDemand, IReadOnlyDictionary<string, string> FirstOptions,
    string[] Program, Uri? Grpc = null, Uri? Http = null, string? Key = null)
{
    public const string ForestFile = "served.json", MixtureFile = "served-btx.json";

    /// <summary>Reads each <c>DIR</c> or <c>PRECISION=DIR</c>; by precision, in their order.</summary>
    public static IReadOnlyDictionary<string, string> ByPrecision(string option, IEnumerable<string> values, string file)
    {
        var found = new OrderedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var value in values)
        {
            var (said, directory) = value.Split('=', 2) is [("fp32" or "fp16" or "int8" or "int4") and var name, var rest]
                ? (name, rest) : (null, value);
            var manifest = Path.Combine(directory, file);
            var precision = RunJson.ReadField($"{option} {value}", manifest, "precision", "name a directory that `btx export` wrote");
            if (said is not null && said != precision)
                throw new LoadTestException($"{option} {value}: {manifest} is of {precision}, not of {said}");
            if (!found.TryAdd(precision, Path.GetFullPath(directory)))
                throw new LoadTestException($"{option} {value}: {found[precision]} is of {precision} too; a sweep takes one of each");
        }

        return found;
    }

    /// <summary>The same of one other forest alone.</summary>
    public ServerInputs Of(string precision, string forest) => this with
    {
        Forests = new Dictionary<string, string> { [precision] = forest },
        Mixtures = new Dictionary<string, string>(),
    };

    /// <summary>Arguments of <c>serve</c>: read-only, so that a sweep never changes what it serves.</summary>
    /// <param name="verified">The weights' hashes were compared by an earlier start.</param>
    public IReadOnlyList<string> Arguments(string precision, IReadOnlyDictionary<string, string> options, bool verified)
    {
        var arguments = new List<string>();
        if (Forests.TryGetValue(precision, out var forest)) arguments.AddRange(["--forest", forest]);
        if (Mixtures.TryGetValue(precision, out var mixture)) arguments.AddRange(["--btx", mixture]);
        arguments.Add("--read-only");
        if (verified) arguments.Add("--no-verify");
        if (!options.ContainsKey("--slots")) arguments.Add($"--slots={Math.Max(16, Concurrency)}");
        if (AveragesOnDemand && !options.ContainsKey("--averages")) arguments.Add("--averages=demand");
        return [.. arguments, .. ServerKey.Words(options)];
    }
}

/// <summary>Points with equal keys are measured on one server process.</summary>
internal static class ServerKey
{
    /// <returns>Null: the point is a peer's.</returns>
    public static string? Of(PointSettings settings) =>
        settings.IsPeer ? null : string.Join(' ', Words(settings.Options).Prepend(settings.Precision));

    public static IEnumerable<string> Words(IReadOnlyDictionary<string, string> options) =>
        options.OrderBy(o => o.Key, StringComparer.Ordinal).Select(o => $"{o.Key}={o.Value}");
}

/// <summary>A server that answers: started for the sweep, or one that was running.</summary>
internal sealed class LiveServer(ServerProcess? process, Uri grpc, Uri? http, string? key) : IAsyncDisposable
{
    public GrpcClient Client { get; } = new(grpc, key);

    public Forest.ForestClient Forest => field ??= new(Client.Channel);

    public ServerMetrics? Metrics { get; } = http is null ? null : new(http, key);

    public ServedFacts Facts { get; private set; } = null!;

    /// <summary>It was started for the sweep and is no more.</summary>
    public bool Ended => process?.Ended == true;

    public static async Task<LiveServer> StartAsync(string[] program, IEnumerable<string> arguments, string log,
        CancellationToken cancellation)
    {
        var process = await ServerProcess.StartAsync(program, arguments, log, cancellation);
        return await ReachAsync(process.Grpc, process.Http, null, cancellation, process);
    }

    public static async Task<LiveServer> ReachAsync(Uri grpc, Uri? http, string? key, CancellationToken cancellation,
        ServerProcess? process = null)
    {
        var server = new LiveServer(process, grpc, http, key);
        try
        {
            server.Facts = await server.Client.DescribeAsync(cancellation);
            return server;
        }
        catch (Exception e)
        {
            await server.DisposeAsync();
            if (e.InnerException is not RpcException { StatusCode: StatusCode.Unauthenticated or StatusCode.PermissionDenied } no) throw;
            throw new LoadTestException($"the server at {grpc.Authority} wants a key: {no.Status.Detail.ReplaceLineEndings(" ")}; give it "
                + $"with {ApiKeyFlag.Name}", no);
        }
    }

    /// <summary>Adds to a message why it answers no more.</summary>
    public string ExitReport(string what) =>
        Ended ? $"{what}; the server ended: {process!.LastError()}, its output is in {process.Log}" : what;

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        Metrics?.Dispose();
        if (process is not null) await process.DisposeAsync();
    }
}

/// <summary>The servers of a sweep, one at a time: started when a point needs another one, ended then and at the end.</summary>
internal sealed class Servers(ServerInputs inputs, string logs) : IAsyncDisposable
{
    private readonly HashSet<string> _verified = new(StringComparer.Ordinal);
    private string? _key;
    private LiveServer? _server;

    public ServerInputs Inputs => inputs;

    /// <summary>Of a precision, with the first value of each option.</summary>
    public Task<LiveServer> ForAsync(string precision, CancellationToken cancellation) =>
        ForAsync(new PointSettings("ensemble", null, "closed", 1, null, precision, inputs.FirstOptions), cancellation);

    public async Task<LiveServer> ForAsync(PointSettings settings, CancellationToken cancellation)
    {
        var key = ServerKey.Of(settings);
        if (_server is not null && key == _key) return _server;
        await DisposeAsync();
        _server = inputs.Grpc is { } running
            ? await LiveServer.ReachAsync(running, inputs.Http, inputs.Key, cancellation)
            : await LiveServer.StartAsync(inputs.Program, inputs.Arguments(settings.Precision, settings.Options,
                _verified.Contains(settings.Precision)), NextLog(), cancellation);
        _verified.Add(settings.Precision);
        _key = key;
        return _server;
    }

    /// <summary>One that is not read-only, beside none of the sweep's own.</summary>
    public async Task<LiveServer> StartAsync(IEnumerable<string> arguments, CancellationToken cancellation)
    {
        await DisposeAsync();
        return await LiveServer.StartAsync(inputs.Program, arguments, NextLog(), cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null) await _server.DisposeAsync();
        (_server, _key) = (null, null);
    }

    private string NextLog() =>
        Enumerable.Range(1, int.MaxValue - 1).Select(n => Path.Combine(logs, $"server-{n}.log")).First(path => !File.Exists(path));
}
