using System.Threading.Channels;
using Btx.Forest;
using Btx.V1;
using Grpc.Core;
using ChangeProgress = Btx.Forest.ChangeProgress;
using ChangeResult = Btx.Forest.ChangeResult;

namespace Btx.Server.Rpc;

/// <summary>Streams a change's progress to a client. A client that is slow misses progress, never the result; one that
/// left does not end a committed change.</summary>
internal sealed class ChangeStream(TimeProvider time) : IProgress<ChangeProgress>
{
    private const int Waiting = 64;
    private readonly Channel<ChangeUpdate> _progress = Channel.CreateBounded<ChangeUpdate>(
        new BoundedChannelOptions(Waiting) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });
    private readonly long _began = time.GetTimestamp();

    public void Report(ChangeProgress value) => _progress.Writer.TryWrite(StateMessages.Progress(value, time.GetElapsedTime(_began)));

    /// <summary>Sends the progress of <paramref name="change"/>, which reports here, then its result; throws what it throws.</summary>
    public async Task SendAsync(Task<ChangeResult> change, IServerStreamWriter<ChangeUpdate> stream, CancellationToken cancellation)
    {
        _ = change.ContinueWith(_ => _progress.Writer.TryComplete(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
        try
        {
            await foreach (var progress in _progress.Reader.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
                await stream.WriteAsync(progress, cancellation).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or InvalidOperationException or IOException or RpcException)
        {
            // Nobody listens any more: the change itself says how it ended.
        }

        var result = await change.ConfigureAwait(false);
        await stream.WriteAsync(StateMessages.Result(result), cancellation).ConfigureAwait(false);
    }
}
