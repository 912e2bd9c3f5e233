namespace Btx.Forest;

public sealed record ChangeProgress(string Phase, double Fraction, string Message);

/// <summary>Names of <see cref="ChangeProgress.Phase"/>, in order.</summary>
public static class ChangePhase
{
    /// <summary>Paths, names, lineage, hashes.</summary>
    public const string Validate = "validate";

    /// <summary>The change is in the journal, not yet in force.</summary>
    public const string Begin = "begin";

    /// <summary>Weights, sessions, smoke logits beside the running forest.</summary>
    public const string Build = "build";

    public const string Prior = "prior";

    public const string Mix = "mix";

    /// <summary>In force: now, and after every restart.</summary>
    public const string Commit = "commit";

    /// <summary>Requests go over to the new forest.</summary>
    public const string Swap = "swap";

    public const string Purge = "purge";

    /// <summary>Compared with a forest built from scratch.</summary>
    public const string Check = "check";

    public const string Certify = "certify";

    public static IReadOnlyList<string> Names { get; } = [Validate, Begin, Build, Prior, Mix, Commit, Swap, Purge, Check, Certify];
}

/// <param name="Swap">What became of the requests under way; null where no swap was needed.</param>
public sealed record ChangeResult(ChangeRecord Change, SwapReport? Swap, RemovalCertificate? Certificate, IReadOnlyList<string> Notes);
