namespace Btx.Forest;

/// <summary>A change that somebody asks for.</summary>
/// <param name="Kind">One of <see cref="ChangeKind.Names"/>.</param>
public abstract record RequestedChange(string Kind)
{
    public required ChangeAuthor By { get; init; }
}

/// <summary>Who wants a change, and why. Both go into the log.</summary>
public sealed record ChangeAuthor(string Author, string Reason);

/// <summary>An expert is validated beside the running forest and served, from a prepacked session soon after.</summary>
public sealed record ExpertAddition() : RequestedChange(ChangeKind.Add)
{
    /// <summary>Of its weights, config and tokenizer, in a root: absolute, or relative to the first root that has it.</summary>
    public required string Directory { get; init; }

    public required string Name { get; init; }

    /// <summary>Null: as the forest it lies in lists it, else the name.</summary>
    public string? Domain { get; init; }

    /// <summary>SHA-256 (hex) that its weight files must have; null: what the forest it lies in lists, else whatever they have.</summary>
    public string? Sha256 { get; init; }

    /// <summary>What it was branched from; null: as the forest it lies in lists it, else unknown.</summary>
    public IReadOnlyList<ParentEntry>? Parents { get; init; }

    /// <summary>Sample text by domain, whose cached prior is computed again. A domain without text keeps its prior.</summary>
    public IReadOnlyDictionary<string, string> Samples { get; init; } = new Dictionary<string, string>();

    /// <summary>Its router statistics, in a root, for a served BTX model; null: beside its weights, or that model stays as it is.</summary>
    public string? RouterStatistics { get; init; }
}

/// <summary>When it completes no token uses the experts, their memory is back, the certificate is on disk. Final once committed.</summary>
public sealed record ExpertRemoval() : RequestedChange(ChangeKind.Remove)
{
    public required IReadOnlyList<string> Experts { get; init; }

    public string Lineage { get; init; } = LineagePolicy.Only;

    public InFlightPolicy InFlight { get; init; } = InFlightPolicy.Renormalise;

    public bool Purge { get; init; }

    /// <summary>A served BTX model that holds them leaves instead of being re-mixed.</summary>
    public bool DropMoe { get; init; }

    /// <summary>Text on which the forest is compared with one built from scratch without the experts; null: the built-in probe.</summary>
    public string? Probe { get; init; }

    /// <summary>The revision that the caller has seen; null: any. A forest that changed since is not touched.</summary>
    public long? ExpectedRevision { get; init; }
}

/// <summary>A named average to serve. Exactly one of <see cref="Weights"/>, <see cref="Domain"/> and <see cref="Sample"/> is set.</summary>
public sealed record AverageCreation() : RequestedChange(ChangeKind.Average)
{
    public required string Name { get; init; }

    /// <summary>w by expert, not negative; scaled to sum to 1.</summary>
    public IReadOnlyDictionary<string, double>? Weights { get; init; }

    /// <summary>The cached prior of this domain; the average follows it.</summary>
    public string? Domain { get; init; }

    /// <summary>Text of the target domain: the weights are the posterior over it, fixed from then on.</summary>
    public string? Sample { get; init; }
}

public sealed record AverageRemoval(string Name) : RequestedChange(ChangeKind.DropAverage);

/// <summary>Undoes the last committed change, an addition, an average or a BTX model.</summary>
public sealed record Rollback() : RequestedChange(ChangeKind.Rollback);

/// <param name="ChangeId">Null: it is not begun yet, or the same as before.</param>
public sealed record ChangeProgress(string Phase, double Fraction, string Message, string? ChangeId = null);

/// <summary>Names of <see cref="ChangeProgress.Phase"/>, in order.</summary>
public static class ChangePhase
{
    public const string Validate = "validate"; // paths, names, lineage, hashes
    public const string Begin = "begin"; // the change is in the journal, not yet in force
    public const string Build = "build"; // weights, sessions, smoke logits beside the running forest
    public const string Prior = "prior";
    public const string Mix = "mix";
    public const string Commit = "commit"; // in force: now, and after every restart
    public const string Swap = "swap"; // requests go over to the new forest
    public const string Purge = "purge";
    public const string Check = "check"; // compared with a forest built from scratch
    public const string Certify = "certify";

    public static IReadOnlyList<string> Names { get; } = [Validate, Begin, Build, Prior, Mix, Commit, Swap, Purge, Check, Certify];
}

/// <param name="Swap">What became of the requests under way; null where no swap was needed.</param>
public sealed record ChangeResult(ChangeRecord Change, SwapReport? Swap, RemovalCertificate? Certificate, IReadOnlyList<string> Notes);
