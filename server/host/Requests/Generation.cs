using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Btx.Engine;
using Btx.Engine.Requests;

namespace Btx.Server.Requests;

/// <summary>A generation that the engine has accepted.</summary>
/// <param name="prompt">The ids that the engine got, beginning-of-text included.</param>
internal sealed class Generation(int[] prompt, ChannelReader<TokenEvent> events)
{
    public IReadOnlyList<int> Prompt => prompt;

    /// <summary>The events in order; the last has a finish reason and the usage. A model that leaves the forest after
    /// the first token is such a reason, too.</summary>
    /// <exception cref="OperationCanceledException">The client left.</exception>
    /// <exception cref="RequestRejectedException">The server shut down before the end, or a model that the request used left
    /// the forest before its first token.</exception>
    public async IAsyncEnumerable<TokenEvent> ReadAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        var begun = false;
        await foreach (var e in events.ReadAllAsync(cancellation).ConfigureAwait(false))
        {
            if (e.Finish == FinishReason.Cancelled)
            {
                cancellation.ThrowIfCancellationRequested();
                throw new RequestRejectedException(RejectionReason.ShuttingDown,
                    "the server is shutting down; the request was ended before its last token");
            }

            if (!begun && e.Finish is (FinishReason.Removed or FinishReason.Aborted))
                throw new RequestRejectedException(e.Finish == FinishReason.Removed ? RejectionReason.NotFound : RejectionReason.Aborted,
                    e.Message!);
            if (e.Finish == FinishReason.Failed) throw new InvalidOperationException("the engine could not finish the request");
            begun |= e.Token is not null;
            yield return e;
        }
    }
}
