using System.Security.Cryptography;
using System.Text;

namespace Btx.Model.Registry;

/// <summary>
/// A line of the journal: <c>{"sha256":"…","record":{…}}</c>. The checksum is SHA-256 over the checksum of the line before (nothing for
/// the first) and the bytes of the record, so that a line changed, lost, repeated or moved is seen.
/// </summary>
internal static class JournalLine
{
    private const int HashLength = 64;

    /// <returns>The line with its newline, and its checksum.</returns>
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
