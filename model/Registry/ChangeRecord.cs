namespace Btx.Model.Registry;

/// <summary>One change in the history of a served forest.</summary>
public sealed record ChangeRecord
{
    /// <summary><c>c000001</c> …, counted over all changes that were begun.</summary>
    public required string Id { get; init; }

    /// <summary>One of <see cref="ChangeKind.Names"/>.</summary>
    public required string Kind { get; init; }

    public required string Author { get; init; }

    public required DateTimeOffset Time { get; init; }

    public required string Reason { get; init; }

    public IReadOnlyList<string> Subjects { get; init; } = [];

    /// <summary>See <see cref="ChangeOutcome"/>.</summary>
    public required string Outcome { get; init; }

    /// <summary>Why it was given up.</summary>
    public string? Message { get; init; }

    /// <summary>Of a rollback: the change that it undid.</summary>
    public string? Undoes { get; init; }

    /// <summary>Of a removal: one of <see cref="LineagePolicy.Names"/>.</summary>
    public string? Policy { get; init; }

    public required long RevisionBefore { get; init; }

    /// <summary>Null unless it was committed.</summary>
    public long? RevisionAfter { get; init; }

    /// <summary><see cref="ForestState.Hash"/> before.</summary>
    public required string BeforeSha256 { get; init; }

    /// <summary><see cref="ForestState.Hash"/> that it made, or would have made.</summary>
    public required string AfterSha256 { get; init; }

    public IReadOnlyList<PurgeTarget> Purge { get; init; } = [];

    /// <summary>When the files were gone; null: not yet, or there was nothing to delete.</summary>
    public DateTimeOffset? PurgedAt { get; init; }

    /// <summary>Where in the journal its commit stands, from 1; null unless it was committed.</summary>
    public long? JournalRecords { get; init; }

    /// <summary>The checksum of that line, which covers every line before it.</summary>
    public string? JournalSha256 { get; init; }

    /// <summary>Of a removal: what its certificates say, oldest first; it gets another one when
    /// files are deleted only at a later start.</summary>
    public IReadOnlyList<CertifiedFindings> Certified { get; init; } = [];
}

/// <summary>Names of <see cref="ChangeRecord.Kind"/>.</summary>
public static class ChangeKind
{
    public const string Add = "add";
    public const string Remove = "remove";
    public const string Average = "average";
    public const string DropAverage = "drop_average";

    /// <summary>The BTX model alone was mixed anew.</summary>
    public const string Moe = "mixture";
    public const string Rollback = "rollback";

    public static IReadOnlyList<string> Names { get; } = [Add, Remove, Average, DropAverage, Moe, Rollback];

    /// <summary>True for what a rollback can undo: a removal is final.</summary>
    public static bool IsReversible(string kind) => kind is Add or Average or DropAverage or Moe;
}

/// <summary>Names of <see cref="ChangeRecord.Outcome"/>.</summary>
public static class ChangeOutcome
{
    /// <summary>Begun; neither committed nor given up yet.</summary>
    public const string Open = "open";
    public const string Committed = "committed";

    /// <summary>Given up; the message says why.</summary>
    public const string Aborted = "aborted";

    /// <summary>The server ended before the commit.</summary>
    public const string Interrupted = "interrupted";
}

/// <summary>Who wants which change, and why.</summary>
public sealed record ChangeRequest
{
    /// <summary>One of <see cref="ChangeKind.Names"/>.</summary>
    public required string Kind { get; init; }

    /// <summary>1 to 200 printable characters.</summary>
    public required string Author { get; init; }

    /// <summary>1 to 2000 printable characters.</summary>
    public required string Reason { get; init; }

    /// <summary>Names of the experts or of the average.</summary>
    public IReadOnlyList<string> Subjects { get; init; } = [];

    /// <summary>Of a removal: one of <see cref="LineagePolicy.Names"/>.</summary>
    public string? Policy { get; init; }

    /// <summary>Of a removal: whose files are deleted after the commit.</summary>
    public IReadOnlyList<PurgeTarget> Purge { get; init; } = [];
}
