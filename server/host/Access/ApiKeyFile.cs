using System.Text.Json.Serialization;
using Btx.Model.Forests;

namespace Btx.Server.Access;

/// <summary>The file of API keys. The secrets are not in it, but whoever can write it can make keys: it is its owner's alone.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record ApiKeyFile(IReadOnlyList<ApiKey> Keys)
{
    private const int Limit = 4 << 20; // bytes
    private const string Remedy = "`btx keys create` makes one";

    /// <param name="option">Named in errors.</param>
    /// <exception cref="BtxException">The file cannot be read, is not its owner's alone, or is not as <see cref="Change"/> writes
    /// it.</exception>
    public static IReadOnlyList<ApiKey> Read(string option, string file)
    {
        var bytes = SecretFile.Read(option, file, Limit, Remedy);
        var keys = ManifestJson.Read<ApiKeyFile>(bytes, $"{option} {file}", "a file of API keys").Keys;
        var ids = new HashSet<string>(StringComparer.Ordinal);
        foreach (var key in keys)
        {
            if (key is null) throw new BtxException($"{option} {file}: a key is null; {Remedy}");
            var problem = key.Problems().FirstOrDefault() ?? (ids.Add(key.Id) ? null : "its id is another's, too");
            if (problem is not null) throw new BtxException($"{option} {file}: key \"{BtxException.OneLine(key.Name, 100)}\": {problem}");
        }

        return keys;
    }

    /// <summary>Writes the whole file, with mode 600. A lock beside it keeps two programs from changing it at a time.</summary>
    /// <param name="change">From the keys of the file, none where there is no file, to those that it is to have.</param>
    /// <exception cref="BtxException">As for <see cref="Read"/>; another program changes it; it cannot be written; or as
    /// <paramref name="change"/> says.</exception>
    public static void Change(string option, string file, Func<IReadOnlyList<ApiKey>, IEnumerable<ApiKey>> change)
    {
        try
        {
            using var alone = new FileStream($"{file}.lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            var keys = new ApiKeyFile([.. change(File.Exists(file) ? Read(option, file) : [])]);
            SecretFile.Write(file, [.. JsonSerializer.SerializeToUtf8Bytes(keys, ManifestJson.Options), (byte)'\n']);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BtxException($"{option} {file}: cannot be changed ({BtxException.OneLine(e.Message)}); another program may be "
                + "changing it: try again", e);
        }
    }
}
