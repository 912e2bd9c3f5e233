using System.CommandLine;
using Btx.Model;
using Btx.Server.Terminal;
using Btx.V1;

namespace Btx.Server.Verbs.Experts;

/// <summary>Follows a change to its end.</summary>
internal static class ChangeRun
{
    private static readonly TimeSpan s_silence = TimeSpan.FromSeconds(10);

    /// <summary>Shows the progress on the error stream.</summary>
    /// <exception cref="BtxException">It was not made: the server's line.</exception>
    public static Task<ChangeResult> FollowAsync(ParseResult parsed, IAsyncEnumerable<ChangeUpdate> updates) =>
        FollowAsync(parsed.InvocationConfiguration.Error, updates, s_silence);

    /// <inheritdoc cref="FollowAsync(ParseResult, IAsyncEnumerable{ChangeUpdate})"/>
    /// <param name="silence">After so long without news it says that it waits. A change takes what it takes: it has no deadline.</param>
    public static async Task<ChangeResult> FollowAsync(TextWriter error, IAsyncEnumerable<ChangeUpdate> updates, TimeSpan silence)
    {
        ChangeResult? result = null;
        using (var display = ChangeDisplay.On(error))
        {
            try
            {
                var coming = updates.GetAsyncEnumerator();
                await using var end = coming.ConfigureAwait(false);
                while (await NextAsync(coming, silence, display).ConfigureAwait(false))
                {
                    if (coming.Current.Progress is { } progress) display.Report(progress);
                    result = coming.Current.Result ?? result;
                }
            }
            catch (OperationCanceledException)
            {
                display.Dispose();
                await error.WriteLineAsync("the change is given up unless it was committed already: `btx experts history` says")
                    .ConfigureAwait(false);
                throw;
            }
        }

        return result
            ?? throw new BtxException("the server ended the change without a result; `btx experts history` says what became of it");
    }

    private static async Task<bool> NextAsync(IAsyncEnumerator<ChangeUpdate> coming, TimeSpan silence, ChangeDisplay display)
    {
        var next = coming.MoveNextAsync().AsTask();
        while (true)
        {
            try
            {
                return await next.WaitAsync(silence).ConfigureAwait(false);
            }
            catch (TimeoutException) when (!next.IsCompleted)
            {
                display.Wait();
            }
        }
    }
}
