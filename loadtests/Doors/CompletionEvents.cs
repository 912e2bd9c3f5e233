using System.Buffers;
using System.Text.Json;

namespace Btx.LoadTests.Doors;

/// <summary>Reads a completion's server-sent events: notes the time as a piece arrives, and only then looks into it.</summary>
internal static class CompletionEvents
{
    private const int LongestEvent = 16 << 20;

    /// <exception cref="IOException">The stream broke.</exception>
    public static async Task<DoorAnswer> ReadAsync(Stream stream, TokenArrivals arrivals, CancellationToken cancellation)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(16 << 10);
        try
        {
            var (filled, answer, done) = (0, new Answer(), false);
            while (true)
            {
                var read = await stream.ReadAsync(buffer.AsMemory(filled), cancellation).ConfigureAwait(false);
                if (read == 0) break;
                var now = arrivals.Now();
                filled += read;
                var from = 0;
                for (int end; (end = buffer.AsSpan(from, filled - from).IndexOf((byte)'\n')) >= 0; from += end + 1)
                {
                    var line = buffer.AsSpan(from, end).TrimEnd((byte)'\r');
                    if (!line.StartsWith("data:"u8)) continue;
                    var data = line["data:".Length..].TrimStart((byte)' ');
                    if (data.SequenceEqual("[DONE]"u8)) done = true;
                    else if (answer.Read(data) is var tokens and > 0) arrivals.Token(tokens, now);
                }

                filled -= from;
                buffer.AsSpan(from, filled).CopyTo(buffer);
                if (filled < buffer.Length) continue;
                if (filled >= LongestEvent) return new(DoorAnswer.CutOff) { Error = "an event of more than 16 MB" };
                var larger = ArrayPool<byte>.Shared.Rent(2 * filled);
                buffer.AsSpan(0, filled).CopyTo(larger);
                ArrayPool<byte>.Shared.Return(buffer);
                buffer = larger;
            }

            if (answer.Error is { } error) return new("stream_error") { Error = error };
            if (!done || answer.Finish is null) return new(DoorAnswer.CutOff) { Error = "the stream ended before its last event" };
            return DoorAnswer.Ended(answer.Finish, answer.FinishMessage) with
            {
                PromptTokens = answer.PromptTokens,
                CompletionTokens = answer.CompletionTokens
            };
        }
        catch (JsonException e)
        {
            return new("not_json") { Error = e.Message.ReplaceLineEndings(" ") };
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>The message of an error in OpenAI's form; else the beginning of the text.</summary>
    public static string Message(byte[] body)
    {
        try
        {
            var answer = new Answer();
            answer.Read(body);
            if (answer.Error is { } error) return error;
        }
        catch (JsonException)
        {
            // What is not JSON is shown as it is.
        }

        var text = System.Text.Encoding.UTF8.GetString(body.AsSpan(0, Math.Min(body.Length, 200))).ReplaceLineEndings(" ").Trim();
        return text.Length > 0 ? text : "no body";
    }

    /// <summary>What a stream has told so far.</summary>
    private sealed class Answer
    {
        public string? Finish { get; private set; }

        public string? FinishMessage { get; private set; }

        public string? Error { get; private set; }

        public int PromptTokens { get; private set; }

        public int? CompletionTokens { get; private set; }

        /// <returns>Tokens of the event: as many as its log-probabilities, else one if it has text.</returns>
        public int Read(ReadOnlySpan<byte> data)
        {
            var json = new Utf8JsonReader(data);
            int? listed = null;
            var text = false;
            while (json.Read())
            {
                if (json.TokenType != JsonTokenType.PropertyName) continue;
                if (json.ValueTextEquals("text"u8))
                {
                    json.Read();
                    text |= json.TokenType == JsonTokenType.String && json.ValueSpan.Length > 0;
                }
                else if (json.ValueTextEquals("token_logprobs"u8))
                {
                    json.Read();
                    if (json.TokenType != JsonTokenType.StartArray) continue;
                    var count = 0;
                    while (json.Read() && json.TokenType != JsonTokenType.EndArray) count++;
                    listed = count;
                }
                else if (json.ValueTextEquals("finish_reason"u8)) Finish = Text(ref json) ?? Finish;
                else if (json.ValueTextEquals("finish_message"u8)) FinishMessage = Text(ref json);
                else if (json.ValueTextEquals("message"u8)) Error = Text(ref json);
                else if (json.ValueTextEquals("prompt_tokens"u8)) PromptTokens = Number(ref json) ?? PromptTokens;
                else if (json.ValueTextEquals("completion_tokens"u8)) CompletionTokens = Number(ref json) ?? CompletionTokens;
                else if (json.ValueTextEquals("tokens"u8) || json.ValueTextEquals("top_logprobs"u8)
                    || json.ValueTextEquals("text_offset"u8))
                    json.Skip();
            }

            return listed ?? (text ? 1 : 0);
        }

        private static string? Text(ref Utf8JsonReader json)
        {
            json.Read();
            return json.TokenType == JsonTokenType.String ? json.GetString() : null;
        }

        private static int? Number(ref Utf8JsonReader json)
        {
            json.Read();
            return json.TokenType == JsonTokenType.Number && json.TryGetInt32(out var n) ? n : null;
        }
    }
}
