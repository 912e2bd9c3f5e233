using System.Security.Cryptography;
using System.Text;

namespace Btx.Model.Registry;

/// <summary>What one line of the journal says.</summary>
/// <param name="Schema">Of the first line, with <paramref name="BeforeSha256"/>: the hash of revision 0.</param>
/// <param name="Message">Of an abort; null: the server ended before the commit.</param>
/// <param name="Findings">Of a certified removal: what its certificate says that does not follow from the states.</param>
/// <param name="State">Of a begin: the whole state after the change. Of a commit: the same where building made more of it. Of the first
/// line: revision 0.</param>
internal sealed record JournalRecord(string Type, DateTimeOffset Time, int? Schema = null, string? Id = null, string? Kind = null,
    string? Author = null, string? Reason = null, IReadOnlyList<string>? Subjects = null, IReadOnlyList<PurgeTarget>? Purge = null,
    string? Undoes = null, string? Policy = null, string? Message = null, CertifiedFindings? Findings = null, string? BeforeSha256 = null,
    string? AfterSha256 = null, ForestState? State = null)
{
    /// <summary>From 2 on a journal has a <see cref="JournalHead"/>; 1 is read, and gets one when a server opens it.</summary>
    public const int CurrentSchema = 2;
    public const string Opened = "open";
    public const string Begun = "begin";
    public const string Committed = "commit";
    public const string Aborted = "abort";
    public const string Purged = "purged";
    public const string Certified = "certified";

    public static JournalRecord Begin(ChangeRecord c, ForestState after) => new(Begun, c.Time, null, c.Id, c.Kind, c.Author, c.Reason,
        c.Subjects, c.Purge.Count > 0 ? c.Purge : null, c.Undoes, c.Policy, null, null, c.BeforeSha256, c.AfterSha256, after);
}

/// <summary>A line of the journal: <c>{"sha256":"…","record":{…}}</c>. The checksum is SHA-256 over the checksum of the line before
/// (nothing for the first) and the bytes of the record, so that a line changed, lost, repeated or moved is seen.</summary>
internal static class JournalLine
{
    private const int HashLength = 64;

    public static (byte[] Line, string Sha256) Make(JournalRecord record, string previous)
    {
        var json = ManifestJson.Line(record);
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
