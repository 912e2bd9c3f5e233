using System.CommandLine;
using Btx.Model;
using Btx.Server.Terminal;
using Btx.V1;

namespace Btx.Server.Verbs.Experts;

/// <summary>Follows a change to its end.</summary>
internal static class ChangeRun
{
    /// <summary>Shows the progress on the error stream.</summary>
    /// <exception cref="BtxException">It was not made: the server's line.</exception>
    public static async Task<ChangeResult> FollowAsync(ParseResult parsed, IAsyncEnumerable<ChangeUpdate> updates)
    {
        ChangeResult? result = null;
        var error = parsed.InvocationConfiguration.Error;
        using (var display = ChangeDisplay.On(error))
        {
            try
            {
                await foreach (var update in updates.ConfigureAwait(false))
                {
                    if (update.Progress is { } progress) display.Report(progress);
                    result = update.Result ?? result;
                }
            }
            catch (OperationCanceledException)
            {
                display.Dispose();
                await error.WriteLineAsync("the change is given up unless it was committed already: `btx experts history` says").ConfigureAwait(false);
                throw;
            }
        }

        return result ?? throw new BtxException("the server ended the change without a result; `btx experts history` says what became of it");
    }
}
