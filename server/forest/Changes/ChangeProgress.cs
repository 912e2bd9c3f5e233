namespace Btx.Forest;

/// <summary>How far a change is.</summary>
/// <param name="Phase">One of <see cref="ChangePhase.Names"/>.</param>
/// <param name="Fraction">Of this phase, 0..1.</param>
/// <param name="Message">One line for a terminal.</param>
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

    /// <summary>Posteriors over sample text.</summary>
    public const string Prior = "prior";

    /// <summary>A BTX model is re-mixed.</summary>
    public const string Mix = "mix";

    /// <summary>In force: now, and after every restart.</summary>
    public const string Commit = "commit";

    /// <summary>Requests go over to the new forest.</summary>
    public const string Swap = "swap";

    /// <summary>Files are deleted.</summary>
    public const string Purge = "purge";

    /// <summary>Compared with a forest built from scratch.</summary>
    public const string Check = "check";

    /// <summary>The certificate is written.</summary>
    public const string Certify = "certify";

    public static IReadOnlyList<string> Names { get; } = [Validate, Begin, Build, Prior, Mix, Commit, Swap, Purge, Check, Certify];
}

/// <summary>A change that is in force.</summary>
/// <param name="Change">As the journal has it.</param>
/// <param name="Swap">What became of the requests under way; null where no swap was needed.</param>
/// <param name="Certificate">Of a removal.</param>
/// <param name="Notes">What the operator should know: one line each.</param>
public sealed record ChangeResult(ChangeRecord Change, SwapReport? Swap, RemovalCertificate? Certificate, IReadOnlyList<string> Notes);
