using Btx.LoadTests.Doors;
using Btx.LoadTests.Measuring;
using Btx.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace Btx.LoadTests.Sweeps;

/// <summary>A server that answers: started for the sweep, or one that was running.</summary>
internal sealed class LiveServer : IAsyncDisposable
{
    private readonly ServerProcess? _process;
    private readonly GrpcChannel _channel;

    private LiveServer(ServerProcess? process, Uri grpc, Uri? http)
    {
        _process = process;
        _channel = GrpcChannel.ForAddress(grpc, new() { MaxReceiveMessageSize = null });
        (Inference, Forest) = (new(_channel), new(_channel));
        Door = new GrpcDoor(grpc);
        Metrics = http is null ? null : new ServerMetrics(http);
    }

    public IDoor Door { get; }

    public ServerMetrics? Metrics { get; }

    public Inference.InferenceClient Inference { get; }

    public Forest.ForestClient Forest { get; }

    /// <summary>What it said when it was reached.</summary>
    public ServedFacts Facts { get; private set; } = null!;

    /// <summary>For the load.</summary>
    public ServedModel Served { get; private set; } = null!;

    /// <exception cref="LoadTestException">It does not come up; with its own line.</exception>
    public static async Task<LiveServer> StartAsync(ServerCommand command, IEnumerable<string> arguments, string log,
        CancellationToken cancellation)
    {
        var process = await ServerProcess.StartAsync(command, arguments, log, cancellation).ConfigureAwait(false);
        return await OpenAsync(process, process.Grpc, process.Http, cancellation).ConfigureAwait(false);
    }

    /// <exception cref="LoadTestException">No server listens there.</exception>
    public static Task<LiveServer> ReachAsync(Uri grpc, Uri? http, CancellationToken cancellation) =>
        OpenAsync(null, grpc, http, cancellation);

    /// <summary>It was started for the sweep and is no more.</summary>
    public bool Ended => _process?.Ended == true;

    /// <summary>Why it answers no more, for messages.</summary>
    public string Obituary(string what) => Ended
        ? $"{what}; the server ended{_process!.LastError()}, its output is in {_process.Log}" : what;

    public async ValueTask DisposeAsync()
    {
        await Door.DisposeAsync().ConfigureAwait(false);
        Metrics?.Dispose();
        _channel.Dispose();
        if (_process is not null) await _process.DisposeAsync().ConfigureAwait(false);
    }

    private static async Task<LiveServer> OpenAsync(ServerProcess? process, Uri grpc, Uri? http, CancellationToken cancellation)
    {
        var server = new LiveServer(process, grpc, http);
        try
        {
            server.Facts = ServedFacts.Of(await server.Inference.DescribeAsync(new(), deadline: DateTime.UtcNow.AddSeconds(30),
                cancellationToken: cancellation).ConfigureAwait(false));
            server.Served = await server.Door.DescribeAsync(cancellation).ConfigureAwait(false);
            return server;
        }
        catch (Exception e)
        {
            await server.DisposeAsync().ConfigureAwait(false);
            cancellation.ThrowIfCancellationRequested();
            if (e is not RpcException refused) throw;
            if (refused.StatusCode is not (StatusCode.Unauthenticated or StatusCode.PermissionDenied))
                throw await DoorFault.OfAsync(grpc, http: false, GrpcDoor.Failed(refused, begun: false), refused).ConfigureAwait(false);
            throw new LoadTestException(
                $"the server at {grpc.Authority} refused ({refused.Status.Detail.ReplaceLineEndings(" ")}); a sweep sends no key: "
                + "start its server with `./btx loadtest sweep --forest`, or reach it directly",
                refused);
        }
    }
}
