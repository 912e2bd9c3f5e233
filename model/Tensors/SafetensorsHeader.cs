using System.Buffers.Binary;
using System.Text.Json;

namespace Btx.Model.Tensors;

/// <summary>
/// Parses the header of a safetensors file: 8 bytes little-endian length, then JSON. Every offset, shape and length is checked
/// against the file's size before anything is returned. Format: the safetensors README.
/// </summary>
public static class SafetensorsHeader
{
    /// <summary>The format's own limit.</summary>
    public const long MaxHeaderBytes = 100_000_000;

    private const int MaxNameLength = 512;

    /// <param name="prefix">The first bytes of the file: at least the 8-byte length and the header it announces.</param>
    /// <param name="fileLength">Size of the whole file in bytes.</param>
    /// <param name="source">Named in errors.</param>
    /// <exception cref="BtxException">Anything that does not hold: names the file, the tensor and the value.</exception>
    public static (Dictionary<string, TensorInfo> Tensors, Dictionary<string, string> Metadata) Parse(ReadOnlyMemory<byte> prefix, long fileLength, string source)
    {
        var headerLength = HeaderLength(prefix.Span, fileLength, source);
        if (prefix.Length < 8 + headerLength) throw new BtxException($"{source}: the header is truncated");
        var dataStart = 8 + headerLength;
        try
        {
            if (headerLength == 0 || prefix.Span[8] != (byte)'{') throw new BtxException($"{source}: the safetensors header does not begin with {{");
            using var document = JsonDocument.Parse(prefix.Slice(8, (int)headerLength), new JsonDocumentOptions { MaxDepth = 8, AllowDuplicateProperties = false });
            if (document.RootElement.ValueKind != JsonValueKind.Object) throw new BtxException($"{source}: the safetensors header is not a JSON object");
            var tensors = new Dictionary<string, TensorInfo>(StringComparer.Ordinal);
            var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var property in document.RootElement.EnumerateObject())
            {
                if (property.Name == "__metadata__")
                {
                    ReadMetadata(property.Value, metadata, source);
                    continue;
                }

                tensors.Add(property.Name, Tensor(property.Name, property.Value, dataStart, fileLength, source));
            }

            CheckLayout(tensors.Values, dataStart, fileLength, source);
            return (tensors, metadata);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new BtxException($"{source}: the safetensors header is not valid JSON ({Show(e.Message)})", e);
        }
    }

    /// <summary>The announced header length in bytes, checked against the file's size and the format's limit.</summary>
    public static long HeaderLength(ReadOnlySpan<byte> prefix, long fileLength, string source)
    {
        if (fileLength < 8 || prefix.Length < 8) throw new BtxException($"{source}: {fileLength} bytes is too short for a safetensors file; it is truncated");
        var length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > MaxHeaderBytes) throw new BtxException($"{source}: header length {length} exceeds the format's limit of {MaxHeaderBytes}; not a safetensors file");
        if ((long)length > fileLength - 8) throw new BtxException($"{source}: header length {length} exceeds the file's {fileLength} bytes; it is truncated");
        return (long)length;
    }

    private static void ReadMetadata(JsonElement e, Dictionary<string, string> metadata, string source)
    {
        if (e.ValueKind != JsonValueKind.Object) throw new BtxException($"{source}: __metadata__ is not a JSON object");
        foreach (var m in e.EnumerateObject())
        {
            if (m.Value.ValueKind != JsonValueKind.String) throw new BtxException($"{source}: __metadata__ entry \"{Show(m.Name)}\" is not a string");
            metadata[m.Name] = m.Value.GetString()!;
        }
    }

    private static TensorInfo Tensor(string name, JsonElement e, long dataStart, long fileLength, string source)
    {
        string At(string what) => $"{source}: tensor \"{Show(name)}\" {what}";
        if (name.Length > MaxNameLength)
            throw new BtxException(At($"has a name of {name.Length} characters; at most {MaxNameLength} are taken"));
        if (e.ValueKind != JsonValueKind.Object) throw new BtxException(At("is not a JSON object"));
        if (!e.TryGetProperty("dtype", out var d) || d.ValueKind != JsonValueKind.String || TensorDtypes.Parse(d.GetString()) is not { } dtype)
            throw new BtxException(At($"has no supported dtype{(d.ValueKind == JsonValueKind.String ? $" (\"{Show(d.GetString()!)}\")" : "")}; use F32, F16 or BF16"));
        if (!e.TryGetProperty("shape", out var s) || s.ValueKind != JsonValueKind.Array) throw new BtxException(At("has no shape"));
        if (s.GetArrayLength() > 16) throw new BtxException(At($"has {s.GetArrayLength()} dimensions; at most 16 are allowed"));
        var shape = new long[s.GetArrayLength()];
        long count = 1;
        for (var i = 0; i < shape.Length; i++)
        {
            if (s[i].ValueKind != JsonValueKind.Number || !s[i].TryGetInt64(out shape[i])) throw new BtxException(At($"has a dimension {Show(s[i].GetRawText())} that is not a whole number"));
            if (shape[i] < 0) throw new BtxException(At($"has a negative dimension {shape[i]}"));
            if (shape[i] != 0 && count > long.MaxValue / 16 / shape[i]) throw new BtxException(At("has more elements than any file can hold"));
            count *= shape[i];
        }

        if (!e.TryGetProperty("data_offsets", out var o) || o.ValueKind != JsonValueKind.Array || o.GetArrayLength() != 2
            || o[0].ValueKind != JsonValueKind.Number || o[1].ValueKind != JsonValueKind.Number
            || !o[0].TryGetInt64(out var begin) || !o[1].TryGetInt64(out var end))
            throw new BtxException(At("has no data_offsets [begin, end]"));
        if (begin < 0 || end < begin) throw new BtxException(At($"has data_offsets [{begin}, {end}]; expected 0 <= begin <= end"));
        if (end > fileLength - dataStart) throw new BtxException(At($"ends at byte {end} of {fileLength - dataStart} data bytes; the file is truncated or the header wrong"));
        if (end - begin != count * dtype.Size())
            throw new BtxException(At($"has {end - begin} bytes; shape [{string.Join(", ", shape)}] of {dtype} needs {count * dtype.Size()}"));
        return new TensorInfo(name, dtype, shape, dataStart + begin, end - begin);
    }

    // The format demands that tensors tile the data without overlap or hole.
    private static void CheckLayout(IEnumerable<TensorInfo> tensors, long dataStart, long fileLength, string source)
    {
        var at = dataStart;
        TensorInfo? previous = null;
        foreach (var t in tensors.OrderBy(t => t.Offset).ThenBy(t => t.Length))
        {
            if (t.Offset < at) throw new BtxException($"{source}: tensors \"{Show(previous?.Name ?? "")}\" and \"{Show(t.Name)}\" overlap");
            if (t.Offset > at) throw new BtxException($"{source}: {t.Offset - at} bytes before tensor \"{Show(t.Name)}\" belong to no tensor");
            at = t.Offset + t.Length;
            previous = t;
        }

        if (at != fileLength) throw new BtxException($"{source}: {fileLength - at} bytes at the end belong to no tensor");
    }

    // Names come from the file.
    private static string Show(string text) => BtxException.OneLine(text, 120);
}
