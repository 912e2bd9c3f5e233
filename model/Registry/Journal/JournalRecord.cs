using System.Security.Cryptography;
using System.Text;

namespace Btx.Model.Registry;

/// <summary>What one line of the journal says.</summary>
internal sealed record JournalRecord(string Type, DateTimeOffset Time)
{
    /// <summary>From 2 on a journal has a <see cref="JournalHead"/> from its first line; 1 is read, and gets one when a server opens
    /// it.</summary>
    public const int CurrentSchema = 2;
    public const string Opened = "open";
    public const string Begun = "begin";
    public const string Committed = "commit";
    public const string Aborted = "abort";
    public const string Purged = "purged";
    public const string Certified = "certified";

    /// <summary>Of the first line, with <see cref="BeforeSha256"/>: the hash of revision 0.</summary>
    public int? Schema { get; init; }

    public string? Id { get; init; }

    public string? Kind { get; init; }

    public string? Author { get; init; }

    public string? Reason { get; init; }

    public IReadOnlyList<string>? Subjects { get; init; }

    public IReadOnlyList<PurgeTarget>? Purge { get; init; }

    public string? Undoes { get; init; }

    public string? Policy { get; init; }

    /// <summary>Of an abort; null: the server ended before the commit.</summary>
    public string? Message { get; init; }

    /// <summary>Of a certified removal: what its certificate says that does not follow from the states.</summary>
    public CertifiedFindings? Findings { get; init; }

    public string? BeforeSha256 { get; init; }

    public string? AfterSha256 { get; init; }

    /// <summary>Of a begin: the whole state after the change. Of a commit: the same where building made more of it. Of the first line:
    /// revision 0.</summary>
    public ForestState? State { get; init; }

    public static JournalRecord Begin(ChangeRecord change, ForestState after) => new(Begun, change.Time)
    {
        Id = change.Id,
        Kind = change.Kind,
        Author = change.Author,
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

/// <summary>A line of the journal: <c>{"sha256":"…","record":{…}}</c>. The checksum is SHA-256 over the checksum of the line before
/// (nothing for the first) and the bytes of the record, so that a line changed, lost, repeated or moved is seen.</summary>
internal static class JournalLine
{
    private const int HashLength = 64;

    public static (byte[] Line, string Sha256) Make(JournalRecord record, string previous)
    {
        var json = RegistryJson.Bytes(record);
        var sha256 = Checksum(previous, json);
        return ([.. "{\"sha256\":\""u8, .. Encoding.ASCII.GetBytes(sha256), .. "\",\"record\":"u8, .. json, .. "}\n"u8], sha256);
    }

    /// <summary>The record of a line without its newline; null if the line is damaged.</summary>
    public static byte[]? Record(ReadOnlySpan<byte> line, string previous, out string sha256)
    {
        sha256 = "";
        var head = "{\"sha256\":\""u8;
        var middle = "\",\"record\":"u8;
        var start = head.Length + HashLength + middle.Length;
        if (line.Length <= start || !line.StartsWith(head) || line[^1] != '}' || !line[(head.Length + HashLength)..].StartsWith(middle))
            return null;
        var json = line[start..^1];
        sha256 = Checksum(previous, json);
        return line.Slice(head.Length, HashLength).SequenceEqual(Encoding.ASCII.GetBytes(sha256)) ? json.ToArray() : null;
    }

    private static string Checksum(string previous, ReadOnlySpan<byte> json)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.ASCII.GetBytes(previous));
        hash.AppendData(json);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
