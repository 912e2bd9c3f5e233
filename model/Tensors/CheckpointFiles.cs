using System.Security.Cryptography;
using System.Text.Json;
using Btx.Model.Files;

namespace Btx.Model.Tensors;

/// <summary>Finds and hashes the weight files of a Hugging Face model directory.</summary>
public static class CheckpointFiles
{
    public const string SingleFile = "model.safetensors";
    public const string IndexFile = "model.safetensors.index.json";

    /// <summary>Absolute paths of the weight files: the single file, or the shards of the index in ordinal order.</summary>
    /// <exception cref="BtxException">Neither is there, or the index is malformed or names a path outside the directory.</exception>
    public static IReadOnlyList<string> Weights(string directory)
    {
        var single = Path.Combine(directory, SingleFile);
        if (File.Exists(single)) return [single];
        var index = Path.Combine(directory, IndexFile);
        if (!File.Exists(index)) throw new BtxException($"{directory}: has neither {SingleFile} nor {IndexFile}");
        try
        {
            using var document = JsonDocument.Parse(BoundedFile.Read(index));
            if (document.RootElement.ValueKind != JsonValueKind.Object
                || !document.RootElement.TryGetProperty("weight_map", out var map) || map.ValueKind != JsonValueKind.Object)
                throw new BtxException($"{index}: has no weight_map object");
            var names = new SortedSet<string>(StringComparer.Ordinal);
            foreach (var entry in map.EnumerateObject())
            {
                if (entry.Value.ValueKind != JsonValueKind.String) throw new BtxException($"{index}: the file of tensor \"{BtxException.OneLine(entry.Name)}\" is not a string");
                names.Add(entry.Value.GetString()!);
            }

            if (names.Count == 0) throw new BtxException($"{index}: weight_map is empty");
            return names.Select(n => ContainedPath.ResolveNames(directory, n, index)).ToArray();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new BtxException($"{index}: not valid JSON ({BtxException.OneLine(e.Message)})", e);
        }
    }

    /// <summary>SHA-256 (lower-case hex) over the weight files in order: what manifests record as <c>sha256</c>.</summary>
    public static string Hash(string directory) => HashFiles(Weights(directory), CancellationToken.None);

    /// <inheritdoc cref="Hash"/>
    /// <param name="files">See <see cref="Weights"/>.</param>
    /// <exception cref="BtxException">A file is missing or cannot be read.</exception>
    public static string HashFiles(IReadOnlyList<string> files, CancellationToken cancellation)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[1 << 20];
        foreach (var file in files)
        {
            try
            {
                using var stream = File.OpenRead(file);
                int read;
                while ((read = stream.Read(buffer)) > 0)
                {
                    cancellation.ThrowIfCancellationRequested();
                    hash.AppendData(buffer, 0, read);
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new BtxException($"{file}: cannot be read: {e.Message}", e);
            }
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
