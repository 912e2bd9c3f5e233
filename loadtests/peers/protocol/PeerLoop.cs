using System.Diagnostics;
using System.Text.Json;
using System.Threading.Channels;
using Btx.Model.Tokens;

namespace Btx.Peers;

/// <summary>
/// Serves a model over two streams of JSON lines until the input ends. In: <c>{"id":1,"text":"It is","max_tokens":8}</c>, or token ids as
/// <c>"prompt":[5,6]</c>; <c>{"cancel":1}</c>. Out: an event a line, see
/// <see cref="PeerAnswers"/>; the first is <c>ready</c>. Text becomes the
/// tokens that the server makes of it, by the same tokenizer.
/// </summary>
internal sealed class PeerLoop(IPeerModel model, TextTokenizer tokenizer, TextReader input, PeerAnswers answers)
{
    private readonly Channel<Command> commands = Channel.CreateUnbounded<Command>(new() { SingleReader = true, SingleWriter = true });
    private readonly LinkedList<PeerRequest> waiting = [];

    /// <exception cref="PeerException">A line cannot be read.</exception>
    public void Run()
    {
        answers.Ready(model.Description);
        answers.Flush();
        var reader = Task.Factory.StartNew(Read, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        while (model.Running > 0 || waiting.Count > 0 || commands.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            Drain();
            if (model.Running == 0) Gather();
            while (waiting.First is { } next && model.TryAdd(next.Value)) waiting.RemoveFirst();
            if (model.Running > 0) model.Step(answers);
            answers.Flush();
        }

        reader.GetAwaiter().GetResult();
    }

    private void Gather()
    {
        if (model.Gather == TimeSpan.Zero || waiting.Count == 0) return;
        var until = Stopwatch.GetTimestamp() + (long)(model.Gather.TotalSeconds * Stopwatch.Frequency);
        while (waiting.Count < model.Description.Slots && Stopwatch.GetTimestamp() < until)
        {
            Thread.Sleep(TimeSpan.FromMicroseconds(100));
            Drain();
        }
    }

    private void Drain()
    {
        while (commands.Reader.TryRead(out var command))
        {
            if (command.Cancel is { } id)
            {
                for (var node = waiting.First; node is not null; node = node.Next)
                {
                    if (node.Value.Id != id) continue;
                    waiting.Remove(node);
                    break;
                }

                model.Cancel(id);
                continue;
            }

            var request = command.Request!;
            if (Problem(request) is { } problem) answers.Refused(request.Id, problem);
            else waiting.AddLast(request);
        }
    }

    private string? Problem(PeerRequest r)
    {
        var d = model.Description;
        if (r.Prompt.Length == 0) return "the prompt is empty";
        if (r.Prompt.Length >= d.Context)
            return $"the prompt has {r.Prompt.Length} tokens; the context holds {d.Context}, one of them to be generated";
        if (r.MaxTokens < 1) return $"max_tokens is {r.MaxTokens}; expected 1 or more";
        return Array.FindIndex(r.Prompt, t => t < 0 || t >= d.Vocabulary) is >= 0 and var at
            ? $"prompt[{at}] is {r.Prompt[at]}; expected 0..{d.Vocabulary - 1}" : null;
    }

    private void Read()
    {
        try
        {
            while (input.ReadLine() is { } line) commands.Writer.TryWrite(Parse(line));
            commands.Writer.Complete();
        }
        catch (Exception e)
        {
            commands.Writer.Complete(e);
        }
    }

    private Command Parse(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            var root = document.RootElement;
            if (root.TryGetProperty("cancel", out var cancel)) return new Command(null, cancel.GetInt64());
            int[] ids = root.TryGetProperty("text", out var text) ? Encode(text.GetString() ?? "")
                : [.. root.GetProperty("prompt").EnumerateArray().Select(t => t.GetInt32())];
            return new Command(new PeerRequest(root.GetProperty("id").GetInt64(), ids, root.GetProperty("max_tokens").GetInt32()), null);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new PeerException($"standard input: cannot read \"{(line.Length > 120 ? line[..120] + "…" : line)}\"; expected "
                + "{\"id\":1,\"text\":\"It is\",\"max_tokens\":8} or {\"cancel\":1}");
        }
    }

    private int[] Encode(string text)
    {
        var ids = tokenizer.Encode(text);
        return tokenizer.AddBos && tokenizer.BosId is { } bos ? [bos, .. ids] : ids;
    }

    private readonly record struct Command(PeerRequest? Request, long? Cancel);
}
