using System.Collections.Concurrent;
using System.Threading.Channels;
using Btx.Engine;
using Btx.Engine.Requests;
using Btx.Model;
using Btx.Model.Mixing;
using Btx.Model.Tokens;

namespace Btx.Server.Tests.Fakes;

/// <summary>
/// An engine whose answers are known: it generates <see cref="Says"/> token by token, reports itself to an observer, and can hold a
/// request open until it is cancelled.
/// </summary>
internal sealed class FakeEngine(TextTokenizer tokenizer, IEngineObserver? observer = null) : IForestEngine
{
    public const string Completion = " the fox jumps over the lazy dog";

    private readonly ConcurrentDictionary<Task, byte> _running = new();
    private readonly CancellationTokenSource _drained = new();
    private readonly TaskCompletionSource _cancelled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _holding = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _closing;

    public ForestDescription Forest { get; set; } = new(["novels", "python", "german"], ["novels", "python", "german"],
        ["novels", "python"], 64, tokenizer.VocabSize, new string('a', 64), "fp32", "cpu", DateTimeOffset.UnixEpoch.AddDays(20_000))
    {
        Averages = ["prose"],
        Moe = new()
        {
            Experts = ["novels", "python", "fables"],
            Domains = ["prose", "code", "prose"],
            ExpertsPerToken = 1,
            Choices = [1, 2, 3],
            Layers = 2,
            Router = "top2",
            Precision = "int8",
            Sha256 = new string('b', 64),
        },
    };

    /// <summary>What it generates.</summary>
    public string Says { get; set; } = Completion;

    /// <summary>All generations, in the order in which they came.</summary>
    public ConcurrentQueue<GenerationRequest> Generations { get; } = new();

    /// <summary>Of the first token that is generated; the next ones have twice, three times as much.</summary>
    public double LogProb { get; set; } = -0.5;

    /// <summary>Of the first token, by request; null: <see cref="LogProb"/>.</summary>
    public Func<GenerationRequest, double>? LogProbOf { get; set; }

    /// <summary>After the first token, wait for this (or for the request's cancellation).</summary>
    public Task Hold { get; set; } = Task.CompletedTask;

    /// <summary>Thrown by the next requests.</summary>
    public Exception? Refusal { get; set; }

    /// <summary>Completes the stream with this after the first token.</summary>
    public Exception? Failure { get; set; }

    public GenerationRequest? LastGeneration { get; private set; }

    public ScoreRequest? LastScore { get; private set; }

    /// <summary>Completes when a held request was cancelled.</summary>
    public Task Cancelled => _cancelled.Task;

    /// <summary>Completes when a request is being held.</summary>
    public Task Holding => _holding.Task;

    public int Running => _running.Count;

    /// <summary>How a request ends after its first token; null: as usual.</summary>
    public (FinishReason Finish, string Message)? Ending { get; set; }

    /// <summary>The stop string that an answer ends with; null: none.</summary>
    public string? StoppedBy { get; set; }

    /// <summary>How a request ends before its first token.</summary>
    public (FinishReason Finish, string Message)? Refused { get; set; }

    public string? Problem { get; set; }

    public int LiveSnapshots => 2;

    public ForestDescription Describe() => Forest;

    public ChannelReader<TokenEvent> Generate(GenerationRequest request, CancellationToken cancellation)
    {
        Check();
        LastGeneration = request;
        Generations.Enqueue(request);
        var events = Channel.CreateBounded<TokenEvent>(256);
        var run = new Task<Task>(() => RunAsync(request, events.Writer, cancellation));
        var whole = run.Unwrap();
        _running[whole] = 0;
        _ = whole.ContinueWith(ended => _running.TryRemove(ended, out _), TaskScheduler.Default);
        run.Start(TaskScheduler.Default);
        return events.Reader;
    }

    public Task<ScoreResult> ScoreAsync(ScoreRequest request, CancellationToken cancellation)
    {
        Check();
        LastScore = request;
        var n = request.Tokens.Length - 1;
        double[] Row(double first) => [.. Enumerable.Range(0, n).Select(i => first - i)];
        TokenAlternative[][] top = request.TopLogProbs == 0 ? []
            : [.. request.Tokens[1..].Select((id, i) => Alternatives(id + 1, request.TopLogProbs, LogProb - i))];
        if (request.Routing.Mode == RoutingMode.Moe)
            return Task.FromResult(new ScoreResult(Row(2 * LogProb), [], [],
                request.ReportExperts ? [.. Enumerable.Range(0, n).Select(Gates)] : null)
            { Top = top });
        var ran = request.Routing.Mode is RoutingMode.Average or RoutingMode.Expert ? null : Row(-2);
        return Task.FromResult(new ScoreResult(Row(2 * LogProb), [ran, ran, ran], [Row(0.5), Row(0.25), Row(0.25)]) { Top = top });
    }

    public async Task DrainAsync(CancellationToken deadline)
    {
        _closing = true;
        await using var _ = deadline.Register(_drained.Cancel);
        await Task.WhenAll(_running.Keys);
    }

    public ValueTask DisposeAsync()
    {
        _drained.Dispose();
        return ValueTask.CompletedTask;
    }

    private void Check()
    {
        if (Refusal is not null) throw Refusal;
        if (_closing) throw new RequestRejectedException(ErrorKind.Unavailable, "the server is shutting down");
    }

    private async Task RunAsync(GenerationRequest request, ChannelWriter<TokenEvent> events, CancellationToken cancellation)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _drained.Token);
        var all = tokenizer.Encode(Says);
        var count = Math.Min(request.MaxTokens, all.Length);
        var finish = count < all.Length ? FinishReason.Length : FinishReason.Stop;
        if (Refused is { } refused)
        {
            await events.WriteAsync(new TokenEvent
            {
                Finish = refused.Finish,
                Message = refused.Message,
                Usage = new(request.Prompt.Length, 0, [0, 0, 0], TimeSpan.Zero, TimeSpan.Zero, [])
            }, CancellationToken.None);
            events.Complete();
            return;
        }

        for (var i = 0; i < count; i++)
        {
            await events.WriteAsync(Token(request, all[i], i), CancellationToken.None);
            Report(request);
            if (i > 0) continue;
            if (Failure is not null)
            {
                events.Complete(Failure);
                return;
            }

            if (Ending is not null) break;
            if (!Hold.IsCompleted) _holding.TrySetResult();
            await Task.WhenAny(Hold, Task.Delay(Timeout.Infinite, either.Token));
            if (!either.IsCancellationRequested) continue;
            _cancelled.TrySetResult();
            finish = FinishReason.Cancelled;
            count = 1;
        }

        if (Ending is { } ending) (finish, count) = (ending.Finish, 1);
        await events.WriteAsync(new TokenEvent
        {
            Finish = finish,
            StoppedBy = StoppedBy,
            Message = Ending?.Message,
            Usage = new(request.Prompt.Length, count,
            [count, count, 0], TimeSpan.FromMilliseconds(5), TimeSpan.FromMilliseconds(20), IsTokenRouted(request) ? [count, 0.5, 0] : [])
        },
            CancellationToken.None);
        observer?.OnRequestEnd(new(RoutingName(request.Routing.Mode), finish, request.Prompt.Length, count, TimeSpan.FromMilliseconds(1),
            TimeSpan.FromMilliseconds(5), TimeSpan.FromMilliseconds(20)));
        events.Complete();
    }

    private TokenEvent Token(GenerationRequest request, int id, int i) => new()
    {
        Text = tokenizer.Decode([id]),
        Token = id,
        LogProb = (LogProbOf?.Invoke(request) ?? LogProb) * (i + 1),
        Top = request.TopLogProbs == 0 ? [] : Alternatives(id, request.TopLogProbs, LogProb * (i + 1)),
        Gates = request.ReportExperts && IsTokenRouted(request) ? Gates(i) : null,
        Posterior = request.ReportExperts && !IsTokenRouted(request) ? [0.75, 0.25, 0] : null,
        Contribution = request.ReportExperts && !IsTokenRouted(request) ? i % 2 == 0 ? [0.9, 0.1, 0] : [0.1, 0.9, 0] : null,
    };

    /// <summary>So many different tokens, <paramref name="id"/> or the last one first, less probable from one to the next.</summary>
    private TokenAlternative[] Alternatives(int id, int count, double first) =>
        [.. Enumerable.Range(0, count)
        .Select(r => new TokenAlternative((id - r + tokenizer.VocabSize) % tokenizer.VocabSize, first - (0.5 * r)))];

    private static bool IsTokenRouted(GenerationRequest request) => request.Routing.Mode == RoutingMode.Moe;

    /// <summary>Prose on even positions (by its second expert in layer 1), code on odd ones.</summary>
    private static RouterGates Gates(int i) => new(3, i % 2 == 0 ? [0.75f, 0.25f, 0, 0, 0, 1] : [0.25f, 0.75f, 0, 0, 1, 0]);

    private void Report(GenerationRequest request) => observer?.OnStep(new()
    {
        Duration = TimeSpan.FromMilliseconds(3),
        RunningSequences = 1,
        QueuedRequests = 0,
        PrefillTokens = 2,
        GeneratedTokens = 1,
        Experts = Forest.Experts.ToArray(),
        ExpertRows = new[] { 1, 1, 0 },
        PosteriorMass = new[] { 0.75, 0.25, 0 },
        MoeExperts = Forest.Moe!.Experts.ToArray(),
        RoutedTokens = IsTokenRouted(request) ? new[] { 1, 1, 0, 0, 0, 1 } : default,
        GateMass = IsTokenRouted(request) ? new[] { 0.75, 0.25, 0, 0, 0, 1 } : default,
    });

    private static string RoutingName(RoutingMode mode) => mode switch
    {
        RoutingMode.TopK => "top_k",
        RoutingMode.TopP => "top_p",
        _ => mode.ToString().ToLowerInvariant(),
    };
}
