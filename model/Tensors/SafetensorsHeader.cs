using System.Buffers.Binary;
using System.Text.Json;

namespace Btx.Model.Tensors;

/// <summary>Parses the header of a safetensors file: 8 bytes little-endian length, then JSON. Every offset, shape and length is checked
/// against the file's size before anything is returned. Format: the safetensors README.</summary>
public static class SafetensorsHeader
{
    private const string Metadata = "__metadata__";
    private const int MaxDimensions = 16;

    /// <summary>More than the largest models have.</summary>
    public const int MaxTensors = 1 << 17;

    /// <summary>Room for <see cref="MaxTensors"/> of 256 bytes each; the format itself allows 100 MB, which no model needs.</summary>
    public const long MaxHeaderBytes = MaxTensors * 256L;

    private const int MaxNameLength = 512;
    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 8, AllowDuplicateProperties = false };

    /// <param name="prefix">The first bytes of the file: at least the 8-byte length and the header it announces.</param>
    /// <param name="fileLength">Size of the whole file in bytes.</param>
    /// <exception cref="BtxException">Anything that does not hold: names the file, the tensor and the value.</exception>
    public static (Dictionary<string, TensorInfo> Tensors, Dictionary<string, string> Metadata) Parse(
        ReadOnlyMemory<byte> prefix, long fileLength, string source)
    {
        var headerLength = HeaderLength(prefix.Span, fileLength, source);
        if (prefix.Length < 8 + headerLength) throw new BtxException($"{source}: the header is truncated");
        var dataStart = 8 + headerLength;
        if (headerLength == 0 || prefix.Span[8] != (byte)'{')
            throw new BtxException($"{source}: the safetensors header does not begin with {{");
        try
        {
            using var header = JsonDocument.Parse(prefix.Slice(8, (int)headerLength), Strict);
            var tensors = new Dictionary<string, TensorInfo>(StringComparer.Ordinal);
            Dictionary<string, string> metadata = [];
            foreach (var entry in header.RootElement.EnumerateObject())
            {
                if (tensors.Count == MaxTensors)
                    throw new BtxException($"{source}: has more than {MaxTensors} tensors; no model that can be read here has so many");
                var name = entry.Name;
                if (name == Metadata) metadata = ReadMetadata(entry.Value, source);
                else tensors.Add(name, Tensor(name, entry.Value, dataStart, fileLength, source));
            }

            CheckLayout(tensors.Values, dataStart, fileLength, source);
            return (tensors, metadata);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new BtxException($"{source}: the safetensors header is not valid JSON or has a duplicate name ({Show(e.Message)})", e);
        }
    }

    /// <summary>The announced header length in bytes, checked against the file's size and the format's limit.</summary>
    public static long HeaderLength(ReadOnlySpan<byte> prefix, long fileLength, string source)
    {
        if (fileLength < 8 || prefix.Length < 8)
            throw new BtxException($"{source}: {fileLength} bytes is too short for a safetensors file; it is truncated");
        var length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > MaxHeaderBytes)
            throw new BtxException($"{source}: header length {length} exceeds the limit of {MaxHeaderBytes}, room for {MaxTensors} "
            + $"tensors; not the safetensors file of a model");
        if ((long)length > fileLength - 8)
            throw new BtxException($"{source}: header length {length} exceeds the file's {fileLength} bytes; it is truncated");
        return (long)length;
    }

    private static Dictionary<string, string> ReadMetadata(JsonElement metadata, string source) =>
        metadata.ValueKind != JsonValueKind.Object ? throw new BtxException($"{source}: {Metadata} is not a JSON object")
        : metadata.EnumerateObject().ToDictionary(e => e.Name, e => e.Value.ValueKind == JsonValueKind.String ? e.Value.GetString()!
            : throw new BtxException($"{source}: {Metadata} entry \"{Show(e.Name)}\" is not a string"), StringComparer.Ordinal);

    private static TensorInfo Tensor(string name, JsonElement tensor, long dataStart, long fileLength, string source)
    {
        BtxException Invalid(string what) => new($"{source}: tensor \"{Show(name)}\" {what}");
        if (name.Length > MaxNameLength)
            throw Invalid($"has a name of {name.Length} characters; at most {MaxNameLength} are taken");
        if (tensor.ValueKind != JsonValueKind.Object) throw Invalid("is not a JSON object");
        var type = tensor.TryGetProperty("dtype", out var t) && t.ValueKind == JsonValueKind.String ? t.GetString() : null;
        if (TensorDtypes.Parse(type) is not { } dtype)
            throw Invalid($"has no supported dtype{(type is null ? "" : $" (\"{Show(type)}\")")}; use F32, F16 or BF16");
        var shape = Numbers("shape");
        long elements = 1;
        foreach (var dimension in shape)
        {
            if (dimension < 0) throw Invalid($"has a negative dimension {dimension}");
            if (dimension != 0 && elements > long.MaxValue / 16 / dimension) throw Invalid("has more elements than any file can hold");
            elements *= dimension;
        }

        if (Numbers("data_offsets") is not [var begin, var end]) throw Invalid("has no data_offsets [begin, end]");
        if (begin < 0 || end < begin) throw Invalid($"has data_offsets [{begin}, {end}]; expected 0 <= begin <= end");
        if (end > fileLength - dataStart)
            throw Invalid($"ends at byte {end} of {fileLength - dataStart} data bytes; the file is truncated or the header wrong");
        if (end - begin != elements * dtype.Size())
            throw Invalid($"has {end - begin} bytes; shape [{string.Join(", ", shape)}] of {dtype} needs {elements * dtype.Size()}");
        return new TensorInfo(name, dtype, shape, dataStart + begin, end - begin);

        long[] Numbers(string key)
        {
            if (!tensor.TryGetProperty(key, out var list) || list.ValueKind != JsonValueKind.Array) throw Invalid($"has no {key}");
            var count = list.GetArrayLength();
            if (count > MaxDimensions) throw Invalid($"has {count} dimensions in {key}; at most {MaxDimensions} are allowed");
            var numbers = new long[count];
            for (var i = 0; i < count; i++)
                if (list[i].ValueKind != JsonValueKind.Number || !list[i].TryGetInt64(out numbers[i]))
                    throw Invalid($"has {Show(list[i].GetRawText())} in {key}, which is not a whole number");
            return numbers;
        }
    }

    // The format demands that tensors tile the data without overlap or hole.
    private static void CheckLayout(IEnumerable<TensorInfo> tensors, long dataStart, long fileLength, string source)
    {
        var at = dataStart;
        TensorInfo? previous = null;
        foreach (var t in tensors.OrderBy(t => t.Offset).ThenBy(t => t.Length))
        {
            if (t.Offset < at) throw new BtxException($"{source}: tensors \"{Show(previous?.Name ?? "")}\" and \"{Show(t.Name)}\" overlap");
            if (t.Offset > at)
                throw new BtxException($"{source}: {t.Offset - at} bytes before tensor \"{Show(t.Name)}\" belong to no tensor");
            at = t.Offset + t.Length;
            previous = t;
        }

        if (at != fileLength) throw new BtxException($"{source}: {fileLength - at} bytes at the end belong to no tensor");
    }

    // Names come from the file.
    private static string Show(string text) => BtxException.OneLine(text, 120);
}
