using System.Threading.Channels;
using Btx.Engine.Forests;
using Btx.Engine.Requests;
using Btx.Engine.Sampling;
using Btx.Engine.Text;
using Btx.Model.Mixing;

namespace Btx.Engine.Scheduling;

/// <summary>A request under way: the only mutable per-request type, touched by the loop alone (cancellation flag aside).</summary>
internal sealed class Sequence
{
    private volatile bool cancelled;

    public required long Id { get; init; }

    /// <summary>Null for a request to score.</summary>
    public GenerationRequest? Generation { get; init; }

    public required Routing Routing { get; init; }

    /// <summary>Most history that one step adds while others run.</summary>
    public int Chunk { get; init; } = int.MaxValue;

    /// <summary>Prompt and completion; the first <see cref="Length"/> entries are known.</summary>
    public required int[] Tokens { get; init; }

    public required int PromptLength { get; init; }

    public required int MaxTokens { get; init; }

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

    public RandomStream Random;

    public required long Submitted { get; init; }

    public CancellationTokenRegistration Cancellation { get; set; }

    /// <summary>Calls <see cref="Abandon"/> where the loop is not waited for any more.</summary>
    public CancellationTokenRegistration Abandonment { get; set; }

    public SequencePhase Phase { get; set; }

    public int Length { get; set; }

    public int Completed => Length - PromptLength;

    /// <summary>Length at which the active set was last chosen: every member's likelihood is known before it.</summary>
    public int ChosenLength => PromptLength + ChosenAt;

    /// <summary>One per model that the request may run on: all experts in the forest's order but
    /// those removed since, or a single one.</summary>
    public Member[] Members { get; set; } = [];

    /// <summary>Null for a single model.</summary>
    public DomainPosterior? Posterior { get; set; }

    /// <summary>π by member; empty for a single model.</summary>
    public double[] Prior { get; set; } = [];

    /// <summary>An average's weights, in the order of <see cref="Forest"/>; empty otherwise.</summary>
    public double[] AverageShares { get; set; } = [];

    /// <summary>Forward rows, by expert, of members that have left.</summary>
    public int[] PastSteps { get; set; } = [];

    /// <summary>Experts that were removed while it ran.</summary>
    public List<string> Removed { get; } = [];

    /// <summary>Waits with the members of a forest that is being drained.</summary>
    public bool Pinned { get; set; }

    /// <summary>Tokens 1 … Observed are in <see cref="Posterior"/>.</summary>
    public int Observed { get; set; }

    /// <summary>Mixture weights of the next token, by member.</summary>
    public double[] Weights { get; set; } = [];

    public bool[] Active { get; set; } = [];

    /// <summary>Completion length at which the active set was last chosen.</summary>
    public int ChosenAt { get; set; }

    /// <summary>Token drawn in this step; −1: none.</summary>
    public int Drawn { get; set; } = -1;

    public double DrawnLogProb { get; set; }

    public TokenAlternative[] Top { get; set; } = [];

    public double[]? Contribution { get; set; }

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

    public long Admitted { get; set; }

    public long FirstToken { get; set; }

    public bool IsCancelled => cancelled;

    public bool IsScore => Generation is null;

    /// <summary>Runs on the BTX model.</summary>
    public bool IsRouted => Routing.Mode == RoutingMode.Moe;

    /// <summary>Chooses experts after the prompt, so the prompt's last token waits for the choice.</summary>
    public bool Selects => !IsScore && Routing.Mode is RoutingMode.TopK or RoutingMode.TopP && Members.Length > 1;

    /// <summary>Whether the posterior reads the text.</summary>
    public bool NeedsLikelihood => IsScore || (Members.Length > 1 && Routing.Posterior != PosteriorKind.Fixed);

    public void RequestCancel() => cancelled = true;

    /// <summary>Tells whoever waits that nothing more will come. Any thread; what the loop says later is not heard.</summary>
    public void Abandon()
    {
        var why = new RequestRejectedException(RejectionReason.ShuttingDown, "the server is shutting down, and the engine hangs");
        Events?.Writer.TryComplete(why);
        Score?.TrySetException(why);
    }
}
