using System.Buffers;
using System.IO.Pipelines;
using System.Text;

namespace Btx.Server.Listeners;

/// <summary>A request for health, told from its first bytes.</summary>
internal static class HealthRequest
{
    private const int LongestHead = 4096;
    private static readonly string[] s_begins = ["GET /health", "HEAD /health"];

    /// <summary>Whether a whole head has come that asks for health, without a body; what was read stays there to be read.</summary>
    /// <param name="patience">Ends the wait for it.</param>
    public static async Task<bool> IsAskedForAsync(PipeReader input, CancellationToken patience)
    {
        while (true)
        {
            ReadResult read;
            try
            {
                read = await input.ReadAsync(patience).ConfigureAwait(false);
            }
            catch (Exception e) when (e is OperationCanceledException or IOException)
            {
                return false;
            }

            var asks = Asks(read.Buffer) ?? (read.IsCompleted ? false : null);
            input.AdvanceTo(read.Buffer.Start, asks is null ? read.Buffer.End : read.Buffer.Start);
            if (asks is { } known) return known;
        }
    }

    /// <summary>Null: more must come before that is known.</summary>
    private static bool? Asks(ReadOnlySequence<byte> bytes)
    {
        var head = Encoding.Latin1.GetString(bytes.Slice(0, Math.Min(bytes.Length, LongestHead)));
        if (!s_begins.Any(begin => head.StartsWith(begin, StringComparison.Ordinal)))
            return s_begins.Any(begin => begin.StartsWith(head, StringComparison.Ordinal)) ? null : false;
        var end = head.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        if (end < 0) return head.Length < LongestHead ? null : false;
        return !head[..end].Contains("\ncontent-length", StringComparison.OrdinalIgnoreCase)
            && !head[..end].Contains("\ntransfer-encoding", StringComparison.OrdinalIgnoreCase);
    }
}
