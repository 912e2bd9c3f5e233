using System.Diagnostics;
using Btx.V1;

namespace Btx.Server.Verbs.Experts;

/// <summary>Follows a change to its end: shows how far the phase under way is, and leaves a line for each that has ended.</summary>
internal static class ChangeRun
{
    /// <summary>Shows the progress on the error stream.</summary>
    /// <exception cref="BtxException">It was not made: the server's line.</exception>
    public static Task<ChangeResult> FollowAsync(ParseResult parsed, AsyncServerStreamingCall<ChangeUpdate> updates,
        CancellationToken cancellation) =>
        FollowAsync(parsed.InvocationConfiguration.Error, BtxClient.ReadAsync(updates, cancellation));

    /// <inheritdoc cref="FollowAsync(ParseResult, AsyncServerStreamingCall{ChangeUpdate}, CancellationToken)"/>
    internal static async Task<ChangeResult> FollowAsync(TextWriter error, IAsyncEnumerable<ChangeUpdate> updates)
    {
        using var display = new ProgressDisplay(error, error);
        var phase = display.Start("change", 0, null);
        phase.Report(0, "the server has not answered yet");
        var (last, began, arrived) = ((ChangeProgress?)null, 0.0, Stopwatch.StartNew());
        ChangeResult? result = null;
        void End(double seconds) =>
            phase.Finish(last is null ? null
                : ForestReport.Shown($"  {last.Phase,-9} {Quantity.Seconds(seconds),8}  {last.Message}".TrimEnd()));
        try
        {
            // A change takes what it takes: it has no deadline.
            await foreach (var update in updates)
            {
                if (update.Progress is { } progress)
                {
                    if (progress.Phase != last?.Phase)
                    {
                        End(progress.Seconds > 0 ? progress.Seconds - began : arrived.Elapsed.TotalSeconds); // an earlier server tells none
                        (phase, began) = (display.Start(ForestReport.Shown(progress.Phase), 1, null), progress.Seconds);
                        arrived.Restart();
                    }

                    phase.Report(progress.Fraction, ForestReport.Shown(progress.Message));
                    last = progress;
                }

                result = update.Result ?? result;
            }
        }
        catch (OperationCanceledException)
        {
            End(arrived.Elapsed.TotalSeconds);
            display.WriteLine("the change is given up unless it was committed already: `btx experts history` says");
            throw;
        }

        End(arrived.Elapsed.TotalSeconds);
        return result
            ?? throw new BtxException("the server ended the change without a result; `btx experts history` says what became of it");
    }
}
