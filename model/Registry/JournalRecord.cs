namespace Btx.Model.Registry;

/// <summary>What one line of the journal says.</summary>
internal sealed record JournalRecord
{
    /// <summary>From 2 on a journal has a <see cref="JournalHead"/> from its first line; 1 is read,
    /// and gets one when a server opens it.</summary>
    public const int CurrentSchema = 2;
    public const string Opened = "open";
    public const string Begun = "begin";
    public const string Committed = "commit";
    public const string Aborted = "abort";
    public const string Purged = "purged";
    public const string Certified = "certified";

    public required string Type { get; init; }

    public required DateTimeOffset Time { get; init; }

    /// <summary>Of the first line, with <see cref="BeforeSha256"/>: the hash of revision 0.</summary>
    public int? Schema { get; init; }

    /// <summary>Of the change; null in the first line.</summary>
    public string? Id { get; init; }

    public string? Kind { get; init; }

    public string? Author { get; init; }

    public string? Reason { get; init; }

    public IReadOnlyList<string>? Subjects { get; init; }

    public IReadOnlyList<PurgeTarget>? Purge { get; init; }

    public string? Undoes { get; init; }

    /// <summary>Of a removal: its lineage policy.</summary>
    public string? Policy { get; init; }

    /// <summary>Of an abort; null: the server ended before the commit.</summary>
    public string? Message { get; init; }

    /// <summary>Of a certified removal: what its certificate says that does not follow from the states.</summary>
    public CertifiedFindings? Findings { get; init; }

    public string? BeforeSha256 { get; init; }

    public string? AfterSha256 { get; init; }

    /// <summary>Of a begin: the whole state after the change. Of a commit: the same where building made more
    /// of it. Of the first line: revision 0.</summary>
    public ForestState? State { get; init; }

    public static JournalRecord Begin(ChangeRecord change, ForestState after) => new()
    {
        Type = Begun,
        Id = change.Id,
        Kind = change.Kind,
        Author = change.Author,
        Time = change.Time,
        Reason = change.Reason,
        Subjects = change.Subjects,
        Undoes = change.Undoes,
        Policy = change.Policy,
        Purge = change.Purge.Count > 0 ? change.Purge : null,
        BeforeSha256 = change.BeforeSha256,
        AfterSha256 = change.AfterSha256,
        State = after,
    };
}
