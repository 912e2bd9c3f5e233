using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace Btx.Model.Tensors;

/// <summary>Finds and hashes the weight files of a Hugging Face model directory.</summary>
public static class CheckpointFiles
{
    public const string SingleFile = "model.safetensors";
    public const string IndexFile = "model.safetensors.index.json";
    private const long MaxIndexBytes = SafetensorsHeader.MaxHeaderBytes;
    private const int MaxFiles = 4096;

    /// <summary>Absolute paths of the weight files: the single file, or the shards of the index in ordinal order.</summary>
    /// <exception cref="BtxException">Neither is there, or the index is malformed or names a path outside the directory.</exception>
    public static IReadOnlyList<string> Weights(string directory)
    {
        var single = Path.Combine(directory, SingleFile);
        if (File.Exists(single)) return [single];
        var index = Path.Combine(directory, IndexFile);
        if (!File.Exists(index)) throw new BtxException($"{directory}: has neither {SingleFile} nor {IndexFile}");
        var names = IndexedFiles(BoundedFile.Read(index, MaxIndexBytes), index);
        if (names.Count == 0) throw new BtxException($"{index}: weight_map is empty");
        return names.Select(n => ContainedPath.ResolveNames(directory, n, index)).ToArray();
    }

    private static SortedSet<string> IndexedFiles(byte[] json, string index)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            if (document.RootElement is not { ValueKind: JsonValueKind.Object } root || !root.TryGetProperty("weight_map", out var map)
                || map.ValueKind != JsonValueKind.Object)
                throw new BtxException($"{index}: has no weight_map object");
            var names = new SortedSet<string>(StringComparer.Ordinal);
            foreach (var tensor in map.EnumerateObject())
            {
                if (tensor.Value.ValueKind != JsonValueKind.String)
                    throw new BtxException($"{index}: the file of tensor \"{BtxException.OneLine(tensor.Name)}\" is not a string");
                if (names.Add(tensor.Value.GetString()!) && names.Count > MaxFiles)
                    throw new BtxException($"{index}: names more than {MaxFiles} weight files; no model that can be read here has so many");
            }

            return names;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new BtxException($"{index}: not valid JSON ({BtxException.OneLine(e.Message)})", e);
        }
    }

    /// <summary>SHA-256 (lower-case hex) over the weight files in order: what manifests record as <c>sha256</c>.</summary>
    public static string Hash(string directory) => HashFiles(Weights(directory), CancellationToken.None);

    /// <param name="files">See <see cref="Weights"/>.</param>
    public static string HashFiles(IReadOnlyList<string> files, CancellationToken cancellation)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var path in files)
        {
            using var file = OpenFile.Read(path);
            Append(hash, file, path, cancellation);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>As <see cref="Hash"/>, of private copies.</summary>
    public static string HashCopies(IEnumerable<PrivateCopy> copies, CancellationToken cancellation)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var copy in copies) Append(hash, copy.Content, copy.Path, cancellation);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static void Append(IncrementalHash hash, SafeFileHandle file, string path, CancellationToken cancellation)
    {
        var buffer = new byte[1 << 20];
        long at = 0;
        for (int read; (read = FileErrors.Told($"{path}: cannot be read", () => RandomAccess.Read(file, buffer, at))) > 0; at += read)
        {
            cancellation.ThrowIfCancellationRequested();
            hash.AppendData(buffer, 0, read);
        }
    }
}
