using System.Threading.Channels;
using Btx.Engine.Forests;
using Btx.Engine.Requests;
using Btx.Engine.Sampling;
using Btx.Engine.Scheduling;
using Btx.Engine.Text;
using Btx.Model.Mixing;

namespace Btx.Engine.Loop;

/// <summary>Makes the sequence of a request that passed the rules. Thread-safe.</summary>
internal sealed class SequenceStart(EngineOptions options)
{
    private long lastId;

    /// <param name="lease">Taken over.</param>
    public Sequence Of(GenerationRequest request, SnapshotLease lease)
    {
        var snapshot = lease.Snapshot;
        var max = Math.Min(request.MaxTokens, snapshot.Description.ContextLength - request.Prompt.Length);
        var tokens = new int[request.Prompt.Length + max];
        request.Prompt.CopyTo(tokens, 0);
        bool[]? seen = null;
        if (request.Sampling.RepetitionPenalty != 1)
        {
            seen = new bool[snapshot.Description.VocabSize];
            foreach (var token in request.Prompt) seen[token] = true;
        }

        return new Sequence
        {
            Id = Interlocked.Increment(ref lastId),
            Generation = request,
            Routing = request.Routing,
            Tokens = tokens,
            PromptLength = request.Prompt.Length,
            Length = request.Prompt.Length,
            MaxTokens = max,
            Lease = lease,
            Forest = snapshot.Description,
            // Room for every event there can be: a slow reader never stalls the loop, and memory is bounded by max_tokens.
            Events = Channel.CreateBounded<TokenEvent>(new BoundedChannelOptions(max + 1) { SingleReader = true }),
            Text = new TextStream(snapshot.Tokenizer, request.Stop),
            Seen = seen,
            Random = new RandomStream(request.Sampling.Seed ?? options.SeedSource()),
            Submitted = options.Time.GetTimestamp(),
        };
    }

    /// <param name="lease">Taken over.</param>
    public Sequence Of(ScoreRequest request, SnapshotLease lease) => new()
    {
        Id = Interlocked.Increment(ref lastId),
        Routing = request.Routing,
        Chunk = request.Chunk,
        Tokens = (int[])request.Tokens.Clone(),
        PromptLength = request.Tokens.Length,
        Length = request.Tokens.Length,
        MaxTokens = 0,
        Lease = lease,
        Forest = lease.Snapshot.Description,
        Score = new TaskCompletionSource<ScoreResult>(TaskCreationOptions.RunContinuationsAsynchronously),
        ScoredGates = request is { ReportExperts: true, Routing.Mode: RoutingMode.Moe } ? new RouterGates[request.Tokens.Length - 1] : [],
        Alternatives = request.TopLogProbs,
        ScoredTop = request.TopLogProbs > 0 ? new TokenAlternative[request.Tokens.Length - 1][] : [],
        Submitted = options.Time.GetTimestamp(),
    };
}
