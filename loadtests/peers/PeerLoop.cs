using System.Diagnostics;
using System.Text.Json;
using System.Threading.Channels;
using Btx.Model.Tokens;

namespace Btx.Peers;

/// <summary>A library that generates greedily, past the end-of-text token. One thread calls it.</summary>
internal interface IPeerModel : IDisposable
{
    PeerDescription Description { get; }

    /// <summary>How long to wait for more requests before the first step of a batch that nobody can join later.</summary>
    TimeSpan Gather => TimeSpan.Zero;

    /// <summary>Takes a request in, to be run from the next <see cref="Step"/> on; false: there is no room now.</summary>
    bool TryAdd(PeerRequest request);

    /// <summary>One step for all that run. <returns>The next token of each whose prompt has been read.</returns></summary>
    IReadOnlyList<(PeerRequest Request, int Token)> Step();

    /// <summary>The request has ended, or nobody waits for it any more.</summary>
    void Remove(PeerRequest request);
}

/// <param name="Context">Tokens of prompt and answer together; null: the model's own.</param>
internal sealed record PeerSlots(int Threads, int Slots, int? Context);

/// <summary>What answers, said once when it is ready.</summary>
internal sealed record PeerDescription(string Name, int Threads, int Slots, int Context, int Vocabulary, string Precision, string Batching,
    string Event = "ready");

/// <summary>A prompt to continue to exactly <see cref="MaxTokens"/>, unless the context ends before.</summary>
internal sealed class PeerRequest(long id, int[] prompt, int maxTokens)
{
    public long Id { get; } = id;

    public int[] Prompt { get; } = prompt;

    public int MaxTokens { get; } = maxTokens;

    public int Generated { get; set; }

    /// <summary>Tokens that the model has taken in, and the last one that it made; for a model that asks for them.</summary>
    public int Read { get; set; }

    /// <inheritdoc cref="Read"/>
    public int Last { get; set; }
}

/// <summary>Serves a model over two streams of JSON lines until the input ends. In: <c>{"id":1,"text":"It is","max_tokens":8}</c>, or token
/// ids as <c>"prompt":[5,6]</c>; <c>{"cancel":1}</c>. Out: an event a line, <c>ready</c> first, then <c>token</c>, <c>done</c> and
/// <c>error</c>; times (<c>at</c>) are seconds of the machine's monotonic clock. Text becomes the tokens that the server makes of
/// it.</summary>
/// <param name="output">Buffered: the lines of a step leave together.</param>
internal sealed class PeerLoop(IPeerModel model, TextTokenizer tokenizer, TextReader input, Stream output)
{
    private static readonly JsonSerializerOptions s_lower = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };
    private readonly Channel<(PeerRequest? Request, long Cancel)> _commands = Channel.CreateUnbounded<(PeerRequest?, long)>();
    private readonly List<PeerRequest> _waiting = [], _running = [];

    private static double Now => (double)Stopwatch.GetTimestamp() / Stopwatch.Frequency;

    public void Run()
    {
        Write(model.Description);
        output.Flush();
        Task.Factory.StartNew(Read, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        while (_running.Count + _waiting.Count > 0 || _commands.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            Drain();
            if (_running.Count == 0) Gather();
            while (_waiting.Count > 0 && model.TryAdd(_waiting[0]))
            {
                _running.Add(_waiting[0]);
                _waiting.RemoveAt(0);
            }

            if (_running.Count > 0) Step();
            output.Flush();
        }
    }

    private void Step()
    {
        foreach (var (request, token) in model.Step())
        {
            Write(new { @event = "token", id = request.Id, token, at = Now });
            request.Generated++;
            if (request.Generated < request.MaxTokens && request.Prompt.Length + request.Generated < model.Description.Context) continue;
            var finish = request.Generated == request.MaxTokens ? "length" : "context";
            Write(new { @event = "done", id = request.Id, finish, prompt_tokens = request.Prompt.Length, at = Now });
            _running.Remove(request);
            model.Remove(request);
        }
    }

    private void Gather()
    {
        var begin = Stopwatch.GetTimestamp();
        while (_waiting.Count > 0 && _waiting.Count < model.Description.Slots && Stopwatch.GetElapsedTime(begin) < model.Gather)
        {
            Thread.Sleep(TimeSpan.FromMicroseconds(100));
            Drain();
        }
    }

    private void Drain()
    {
        while (_commands.Reader.TryRead(out var command))
        {
            if (command.Request is not { } request)
            {
                _waiting.RemoveAll(r => r.Id == command.Cancel);
                if (_running.Find(r => r.Id == command.Cancel) is not { } cancelled) continue;
                _running.Remove(cancelled);
                model.Remove(cancelled);
            }
            else if (Problem(request) is { } message) Write(new { @event = "error", id = request.Id, message });
            else _waiting.Add(request);
        }
    }

    private string? Problem(PeerRequest r)
    {
        var (d, length) = (model.Description, r.Prompt.Length);
        return length == 0 ? "the prompt is empty"
            : length >= d.Context ? $"the prompt has {length} tokens; the context holds {d.Context}, one of them to be generated"
            : r.MaxTokens < 1 ? $"max_tokens is {r.MaxTokens}; expected 1 or more"
            : Array.FindIndex(r.Prompt, t => t < 0 || t >= d.Vocabulary) is >= 0 and var at
                ? $"prompt[{at}] is {r.Prompt[at]}; expected 0..{d.Vocabulary - 1}" : null;
    }

    private void Read()
    {
        try
        {
            while (input.ReadLine() is { } line) _commands.Writer.TryWrite(Parse(line));
            _commands.Writer.Complete();
        }
        catch (Exception e)
        {
            _commands.Writer.Complete(e);
        }
    }

    private (PeerRequest?, long) Parse(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            var root = document.RootElement;
            if (root.TryGetProperty("cancel", out var cancel)) return (null, cancel.GetInt64());
            int[] ids = root.TryGetProperty("text", out var text) ? Encode(text.GetString() ?? "")
                : [.. root.GetProperty("prompt").EnumerateArray().Select(t => t.GetInt32())];
            return (new(root.GetProperty("id").GetInt64(), ids, root.GetProperty("max_tokens").GetInt32()), 0);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new BtxException($"standard input: cannot read \"{BtxException.OneLine(line, 120)}\"; expected "
                + "{\"id\":1,\"text\":\"It is\",\"max_tokens\":8} or {\"cancel\":1}");
        }
    }

    private int[] Encode(string text)
    {
        var ids = tokenizer.Encode(text);
        return tokenizer.AddBos && tokenizer.BosId is { } bos ? [bos, .. ids] : ids;
    }

    private void Write<T>(T line)
    {
        JsonSerializer.Serialize(output, line, s_lower);
        output.WriteByte((byte)'\n');
    }
}
