using System.Diagnostics.CodeAnalysis;

namespace Btx.Model.Registry;

/// <summary>Who wants which change, and why.</summary>
public record ChangeRequest
{
    /// <summary>One of <see cref="ChangeKind.Names"/>.</summary>
    public required string Kind { get; init; }

    public required string Author { get; init; }

    public required string Reason { get; init; }

    /// <summary>The experts or averages that it is about.</summary>
    public IReadOnlyList<string> Subjects { get; init; } = [];

    /// <summary>Of a removal: one of <see cref="LineagePolicy.Names"/>.</summary>
    public string? Policy { get; init; }

    public IReadOnlyList<PurgeTarget> Purge { get; init; } = [];
}

/// <summary>A change as the journal has it.</summary>
public sealed record ChangeRecord : ChangeRequest
{
    public ChangeRecord() { }

    /// <summary>A change that begins.</summary>
    [SetsRequiredMembers]
    internal ChangeRecord(string id, ChangeRequest request, DateTimeOffset time, string? undoes, long revision, string beforeSha256,
        string afterSha256) : base(request)
    {
        (Id, Time, Outcome, Undoes) = (id, time, ChangeOutcome.Open, undoes);
        (RevisionBefore, BeforeSha256, AfterSha256) = (revision, beforeSha256, afterSha256);
    }

    /// <summary>Counted over all changes that were begun.</summary>
    public required string Id { get; init; }

    public required DateTimeOffset Time { get; init; }

    /// <summary>One of <see cref="ChangeOutcome"/>.</summary>
    public required string Outcome { get; init; }

    /// <summary>Why it was given up.</summary>
    public string? Message { get; init; }

    /// <summary>Of a rollback: the change that it undid.</summary>
    public string? Undoes { get; init; }

    public required long RevisionBefore { get; init; }

    /// <summary>Null unless it was committed.</summary>
    public long? RevisionAfter { get; init; }

    public required string BeforeSha256 { get; init; }

    /// <summary><see cref="ForestState.Hash"/> that it made, or would have made.</summary>
    public required string AfterSha256 { get; init; }

    public bool IsRemoval => this is { Kind: ChangeKind.Remove, Outcome: ChangeOutcome.Committed };

    public bool HasOpenPurge => this is { Outcome: ChangeOutcome.Committed, Purge.Count: > 0, PurgedAt: null };

    /// <summary>When the files were gone; null: not yet, or there was nothing to delete.</summary>
    public DateTimeOffset? PurgedAt { get; init; }

    /// <summary>Where in the journal its commit stands, from 1; null unless it was committed.</summary>
    public long? JournalRecords { get; init; }

    /// <summary>The checksum of that line, which covers every line before it.</summary>
    public string? JournalSha256 { get; init; }

    /// <summary>Of a removal: what its certificates say, oldest first; another one where files are deleted only later.</summary>
    public IReadOnlyList<CertifiedFindings> Certified { get; init; } = [];

    /// <summary><c>c000001</c> for 1.</summary>
    public static string IdOf(int number) => $"c{number:D6}";
}

public static class ChangeKind
{
    public const string Add = "add";
    public const string Remove = "remove";
    public const string Average = "average";
    public const string DropAverage = "drop_average";
    public const string Moe = "mixture"; // the BTX model alone was re-mixed
    public const string Rollback = "rollback";

    public static IReadOnlyList<string> Names { get; } = [Add, Remove, Average, DropAverage, Moe, Rollback];

    /// <summary>True for what a rollback can undo: a removal is final.</summary>
    public static bool IsReversible(string kind) => kind is Add or Average or DropAverage or Moe;
}

public static class ChangeOutcome
{
    public const string Open = "open"; // begun; neither committed nor given up yet
    public const string Committed = "committed";
    public const string Aborted = "aborted"; // given up; the message says why
    public const string Interrupted = "interrupted"; // the server ended before the commit
}
