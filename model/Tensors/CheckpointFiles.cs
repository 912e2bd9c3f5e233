using System.Security.Cryptography;
using System.Text.Json;
using Btx.Model.Files;
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

    // Token by token: an index may be large, and what is kept of it is a few names.
    private static SortedSet<string> IndexedFiles(byte[] json, string index)
    {
        var names = new SortedSet<string>(StringComparer.Ordinal);
        var mapped = false;
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 64 });
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
                throw new BtxException($"{index}: has no weight_map object");
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isMap = reader.ValueTextEquals("weight_map"u8);
                reader.Read();
                if (!isMap || reader.TokenType != JsonTokenType.StartObject)
                {
                    reader.Skip();
                    continue;
                }

                mapped = true;
                while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                {
                    var tensor = reader.GetString()!;
                    reader.Read();
                    if (reader.TokenType != JsonTokenType.String)
                        throw new BtxException($"{index}: the file of tensor \"{BtxException.OneLine(tensor)}\" is not a string");
                    if (names.Add(reader.GetString()!) && names.Count > MaxFiles)
                        throw new BtxException($"{index}: names more than {MaxFiles} weight files; no model that can be read here has "
                        + $"so many");
                }
            }

            reader.Read(); // throws if anything follows
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new BtxException($"{index}: not valid JSON ({BtxException.OneLine(e.Message)})", e);
        }

        return mapped ? names : throw new BtxException($"{index}: has no weight_map object");
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
        try
        {
            long at = 0;
            for (int read; (read = RandomAccess.Read(file, buffer, at)) > 0; at += read)
            {
                cancellation.ThrowIfCancellationRequested();
                hash.AppendData(buffer, 0, read);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BtxException($"{path}: cannot be read: {BtxException.OneLine(e.Message)}", e);
        }
    }
}
