using System.Buffers;
using System.Diagnostics;
using System.Text.Json;

namespace Btx.Peers;

/// <summary>Writes answers as JSON lines; those of a step leave together. Times are seconds of the machine's monotonic clock.</summary>
internal sealed class PeerAnswers(Stream output)
{
    private readonly ArrayBufferWriter<byte> buffer = new(4096);

    public void Ready(PeerDescription d) => Line(w =>
    {
        w.WriteString("event", "ready");
        w.WriteString("name", d.Name);
        w.WriteNumber("threads", d.Threads);
        w.WriteNumber("slots", d.Slots);
        w.WriteNumber("context", d.Context);
        w.WriteNumber("vocabulary", d.Vocabulary);
        w.WriteString("precision", d.Precision);
        w.WriteString("batching", d.Batching);
    });

    public void Token(long id, int token) => Line(w =>
    {
        w.WriteString("event", "token");
        w.WriteNumber("id", id);
        w.WriteNumber("token", token);
        w.WriteNumber("at", Now);
    });

    /// <param name="finish"><c>length</c>: as many as asked for; <c>context</c>: the context's end came first.</param>
    public void Done(PeerRequest request, string finish) => Line(w =>
    {
        w.WriteString("event", "done");
        w.WriteNumber("id", request.Id);
        w.WriteString("finish", finish);
        w.WriteNumber("prompt_tokens", request.Prompt.Length);
        w.WriteNumber("at", Now);
    });

    public void Refused(long id, string message) => Line(w =>
    {
        w.WriteString("event", "error");
        w.WriteNumber("id", id);
        w.WriteString("message", message);
    });

    /// <summary>Hands on what was written since the last call.</summary>
    public void Flush()
    {
        if (buffer.WrittenCount == 0) return;
        output.Write(buffer.WrittenSpan);
        output.Flush();
        buffer.ResetWrittenCount();
    }

    private static double Now => (double)Stopwatch.GetTimestamp() / Stopwatch.Frequency;

    private void Line(Action<Utf8JsonWriter> write)
    {
        using (var w = new Utf8JsonWriter(buffer))
        {
            w.WriteStartObject();
            write(w);
            w.WriteEndObject();
        }

        buffer.Write("\n"u8);
    }
}
