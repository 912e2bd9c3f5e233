using System.Threading.Channels;
using Btx.Engine.Sampling;
using Btx.Engine.Text;

namespace Btx.Engine.Scheduling;

/// <summary>A request under way: the only mutable per-request type, touched by the loop alone (cancellation flag aside).</summary>
internal sealed class Sequence
{
    private const int OnStack = 256; // members whose weights need no memory of their own
    private static long lastId;
    private volatile bool cancelled;

    public long Id { get; } = Interlocked.Increment(ref lastId);

    /// <summary>Null for a request to score.</summary>
    public GenerationRequest? Generation { get; init; }

    public required Routing Routing { get; init; }

    /// <summary>Most history that one step adds while others run.</summary>
    public int Chunk { get; init; } = int.MaxValue;

    /// <summary>Prompt and completion; the first <see cref="Length"/> entries are known.</summary>
    public required int[] Tokens { get; init; }

    public required int PromptLength { get; init; }

    public int MaxTokens => Tokens.Length - PromptLength;

    /// <summary>On the current snapshot once the loop has seen the sequence.</summary>
    public required SnapshotLease Lease { get; set; }

    /// <summary>The forest that it began with: names the index of every per-expert report.</summary>
    public required ForestDescription Forest { get; set; }

    /// <summary>Where a generation's events go; room for all of them, so that writing never waits.</summary>
    public Channel<TokenEvent>? Events { get; init; }

    public TaskCompletionSource<ScoreResult>? Score { get; init; }

    public TextStream? Text { get; init; }

    /// <summary>Marks the tokens so far, [V]; null without a repetition penalty.</summary>
    public bool[]? Seen { get; init; }

    /// <summary>Null: nothing but the sampling options decides what comes.</summary>
    public TokenConstraints? Constraints { get; init; }

    public RandomStream Random;

    public required long Submitted { get; init; }

    /// <summary>When it first got its slots; null before. Being queued again by a change of the forest does not reset it.</summary>
    public long? Admitted { get; set; }

    public long? FirstToken { get; set; }

    public CancellationTokenRegistration Cancellation { get; set; }

    /// <summary>Calls <see cref="Abandon"/> where the loop is not waited for any more.</summary>
    public CancellationTokenRegistration Abandonment { get; set; }

    public SequencePhase Phase { get; private set; }

    public int Length { get; set; }

    public int Completed => Length - PromptLength;

    /// <summary>One per model that it may run on: all experts in the forest's order but those removed since, or a single one.</summary>
    public Member[] Members { get; set; } = [];

    /// <summary>Null for a single model.</summary>
    public DomainPosterior? Posterior { get; private set; }

    /// <summary>Tokens 1 … Observed are in <see cref="Posterior"/>.</summary>
    public int Observed { get; set; }

    /// <summary>An average's weights, in the order of <see cref="Forest"/>; empty otherwise.</summary>
    public double[] AverageShares { get; set; } = [];

    /// <summary>Forward rows, by expert, of members that have left.</summary>
    public int[] PastSteps { get; private set; } = [];

    public List<string> Removed { get; } = [];

    /// <summary>Waits with the members of a forest that is being drained.</summary>
    public bool Pinned { get; set; }

    /// <summary>Completion length at which the active set was last chosen.</summary>
    public int ChosenAt { get; set; }

    /// <summary>Length of the text by which the active set was last chosen: every member's likelihood is known before it; 0: it was
    /// not.</summary>
    public int ChosenLength { get; set; }

    public int Drawn { get; set; }

    public double DrawnLogProb { get; set; }

    public TokenAlternative[] Top { get; set; } = [];

    /// <summary>Mode moe: how the position that this step's token was drawn from was routed; null unless asked for.</summary>
    public RouterGates? Gates { get; set; }

    /// <summary>Mode moe, scoring: how each position but the last was routed; empty unless asked for.</summary>
    public RouterGates[] ScoredGates { get; init; } = [];

    /// <summary>Scoring: how many alternatives to report per predicted token.</summary>
    public int Alternatives { get; init; }

    /// <summary>Scoring, [n−1]: the most probable tokens at each position; empty unless asked for.</summary>
    public TokenAlternative[][] ScoredTop { get; init; } = [];

    /// <summary>Scoring: the weights of the next position to be ranked; null for a single model.</summary>
    public MixtureScorer? Scorer { get; set; }

    /// <summary>The routing that a score is mixed by: experts may have left since it was asked for.</summary>
    public Routing ScoredRouting => Routing.K > Members.Length ? Routing with { K = Members.Length } : Routing;

    /// <summary>Mode moe, [N]: tokens that each expert computed, summed over layers.</summary>
    public long[] RoutedTokens { get; set; } = [];

    public Exception? Error { get; set; }

    public bool IsCancelled => cancelled;

    public bool IsScore => Generation is null;

    public bool IsTokenRouted => Routing.Mode == RoutingMode.Moe;

    /// <summary>Chooses among its members.</summary>
    public bool Selects => !IsScore && Routing.Mode is RoutingMode.TopK or RoutingMode.TopP && Members.Length > 1;

    /// <summary>The posterior is the prior, whatever the text.</summary>
    public bool HasFixedPosterior => Routing.Posterior == PosteriorKind.Fixed;

    /// <summary>Whether the posterior reads the text.</summary>
    public bool NeedsLikelihood => IsScore || (Members.Length > 1 && !HasFixedPosterior);

    /// <summary>Whether likelihoods can still change a weight: an expert that was chosen alone, for good, has weight 1.</summary>
    public bool WantsLikelihood => NeedsLikelihood && !(Phase == SequencePhase.Prefill && Selects && ChosenLength > 0
        && Routing.RerouteInterval == 0 && Members.Count(static m => m.Active) == 1);

    /// <summary>The last token waits for the first choice of experts.</summary>
    public bool AwaitsChoice => Selects && ChosenLength == 0;

    /// <summary>The prompt's first tokens choose: it is longer than they are.</summary>
    public bool HasProbe => Routing.Router == ExpertRouter.Probe && PromptLength > Routing.ProbeTokens;

    /// <summary>Tokens that members run before the next choice or the next token: those of the probe while it lasts, then all, each time
    /// without the last.</summary>
    public int HistoryEnd => (HasProbe && AwaitsChoice && !HasFixedPosterior ? Routing.ProbeTokens : Length) - 1;

    /// <summary>Whether a member runs the history now. One that was not chosen does so when the choice is made again.</summary>
    public bool Reads(Member member) => member.Slot >= 0 && (member.Active || Phase == SequencePhase.CatchUp);

    /// <summary>A sequence of a request that passed the rules.</summary>
    public static Sequence Of(GenerationRequest request, SnapshotLease lease, EngineOptions options)
    {
        var snapshot = lease.Snapshot;
        var max = Math.Min(request.MaxTokens, snapshot.Description.ContextLength - request.Prompt.Length);
        var tokens = new int[request.Prompt.Length + max];
        request.Prompt.CopyTo(tokens, 0);
        var seen = request.Sampling.RepetitionPenalty == 1 ? null : new bool[snapshot.Description.VocabSize];
        if (seen is not null) foreach (var token in request.Prompt) seen[token] = true;
        return new Sequence
        {
            Generation = request,
            Routing = request.Routing,
            Tokens = tokens,
            PromptLength = request.Prompt.Length,
            Length = request.Prompt.Length,
            Lease = lease,
            Forest = snapshot.Description,
            // Room for every event there can be: a slow reader never stalls the loop, and memory is bounded by max_tokens.
            Events = Channel.CreateBounded<TokenEvent>(new BoundedChannelOptions(max + 1) { SingleReader = true }),
            Text = new TextStream(snapshot.Tokenizer, request.Stop),
            Seen = seen,
            Constraints = TokenConstraints.Of(request, snapshot, max),
            Random = new RandomStream(request.Sampling.Seed ?? options.SeedSource()),
            Submitted = options.Time.GetTimestamp(),
        };
    }

    public static Sequence Of(ScoreRequest request, SnapshotLease lease, EngineOptions options) => new()
    {
        Routing = request.Routing,
        Chunk = request.Chunk,
        Tokens = (int[])request.Tokens.Clone(),
        PromptLength = request.Tokens.Length,
        Length = request.Tokens.Length,
        Lease = lease,
        Forest = lease.Snapshot.Description,
        Score = new TaskCompletionSource<ScoreResult>(TaskCreationOptions.RunContinuationsAsynchronously),
        ScoredGates = request is { ReportExperts: true, Routing.Mode: RoutingMode.Moe } ? new RouterGates[request.Tokens.Length - 1] : [],
        Alternatives = request.TopLogProbs,
        ScoredTop = request.TopLogProbs > 0 ? new TokenAlternative[request.Tokens.Length - 1][] : [],
        Submitted = options.Time.GetTimestamp(),
    };

    /// <summary>Takes the phase to the next one. To enter the present phase changes nothing.</summary>
    /// <exception cref="InvalidOperationException">The next phase does not follow from the present one.</exception>
    public void Enter(SequencePhase next)
    {
        if (!Phase.MayBecome(next)) throw new InvalidOperationException($"sequence {Id} cannot go from phase {Phase} to {next}");
        Phase = next;
    }

    public double[] Priors() => [.. Members.Select(m => m.Prior)];

    /// <summary>Begins the posterior again over the members, which know their priors.</summary>
    public void BeginPosterior()
    {
        Posterior = new DomainPosterior(Priors(), Routing.Posterior, Routing.SwitchingRate);
        Observed = 0;
        Weigh();
    }

    /// <summary>Gives every member its weight: the posterior over the active ones, or while none is active over all.</summary>
    public void Weigh()
    {
        Span<double> weights = Members.Length <= OnStack ? stackalloc double[Members.Length] : new double[Members.Length];
        Span<bool> active = Members.Length <= OnStack ? stackalloc bool[Members.Length] : new bool[Members.Length];
        for (var m = 0; m < active.Length; m++) active[m] = Members[m].Active;
        Posterior!.Weights(weights, active.Contains(true) ? active : []);
        for (var m = 0; m < weights.Length; m++) Members[m].Weight = weights[m];
    }

    /// <summary>Gives a member's place back and keeps what it cost.</summary>
    public void Drop(Member member)
    {
        if (member.Expert >= 0)
        {
            if (PastSteps.Length == 0) PastSteps = new int[Forest.Experts.Count];
            PastSteps[member.Expert] += member.Steps;
        }

        member.Active = false;
        member.Leave();
    }

    /// <summary>Gives every member's place back: what it runs on is to be found again.</summary>
    public void Unjoin()
    {
        foreach (var member in Members) member.Leave();
        (Members, Posterior, AverageShares, Observed) = ([], null, [], 0);
    }

    public void RequestCancel() => cancelled = true;

    /// <summary>Tells whoever waits that nothing more will come. Any thread; what the loop says later is ignored.</summary>
    public void Abandon()
    {
        var why = new RequestRejectedException(ErrorKind.Unavailable, "the server is shutting down, and the engine hangs");
        Events?.Writer.TryComplete(why);
        Score?.TrySetException(why);
    }
}
