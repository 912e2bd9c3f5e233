namespace Btx.Forest;

public sealed record ChangeProgress(string Phase, double Fraction, string Message);

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
