using System.Diagnostics;
using System.Text.Json;

namespace Btx.LoadTests.PeerDoors;

/// <summary>A line of a peer's output.</summary>
/// <param name="Id">Of the request; 0 for <see cref="PeerEventKind.Ready"/>.</param>
/// <param name="Timestamp">When it came to be, by the peer's reading of the machine's monotonic
/// clock, in ticks of <see cref="Stopwatch"/>.</param>
internal readonly record struct PeerEvent(PeerEventKind Kind, long Id, long Timestamp, string? Text, int PromptTokens,
    PeerDescription? Ready)
{
    /// <exception cref="FormatException">It is none.</exception>
    public static PeerEvent Parse(string line)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            var e = json.RootElement;
            return e.GetProperty("event").GetString() switch
            {
                "token" => new(PeerEventKind.Token, IdOf(e), AtOf(e), null, 0, null),
                "done" => new(PeerEventKind.Done, IdOf(e), AtOf(e), e.GetProperty("finish").GetString(),
                    e.GetProperty("prompt_tokens").GetInt32(), null),
                "error" => new(PeerEventKind.Error, IdOf(e), 0, e.GetProperty("message").GetString(), 0, null),
                "ready" => new(PeerEventKind.Ready, 0, 0, null, 0, new(
                    e.GetProperty("name").GetString()!, e.GetProperty("threads").GetInt32(), e.GetProperty("slots").GetInt32(),
                        e.GetProperty("context").GetInt32(),
                    e.GetProperty("precision").GetString()!, e.GetProperty("batching").GetString()!)),
                var other => throw new FormatException($"an event \"{other}\""),
            };
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new FormatException($"it wrote \"{(line.Length > 100 ? line[..100] + "…" : line)}\", which is no answer", e);
        }
    }

    private static long IdOf(JsonElement e) => e.GetProperty("id").GetInt64();

    private static long AtOf(JsonElement e) => (long)(e.GetProperty("at").GetDouble() * Stopwatch.Frequency);
}
