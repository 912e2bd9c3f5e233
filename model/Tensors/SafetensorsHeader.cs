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

    /// <param name="prefix">The first bytes of the file: at least the 8-byte length and the header it announces.</param>
    /// <param name="fileLength">Size of the whole file in bytes.</param>
    /// <exception cref="BtxException">Anything that does not hold: names the file, the tensor and the value.</exception>
    public static (Dictionary<string, TensorInfo> Tensors, Dictionary<string, string> Metadata) Parse(
        ReadOnlyMemory<byte> prefix, long fileLength, string source)
    {
        var headerLength = HeaderLength(prefix.Span, fileLength, source);
        if (prefix.Length < 8 + headerLength) throw new BtxException($"{source}: the header is truncated");
        var dataStart = 8 + headerLength;
        try
        {
            if (headerLength == 0 || prefix.Span[8] != (byte)'{')
                throw new BtxException($"{source}: the safetensors header does not begin with {{");
            var reader = new Utf8JsonReader(prefix.Span.Slice(8, (int)headerLength), new JsonReaderOptions { MaxDepth = 8 });
            var tensors = new Dictionary<string, TensorInfo>(StringComparer.Ordinal);
            Dictionary<string, string>? metadata = null;
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var name = reader.GetString()!;
                reader.Read();
                if (tensors.Count == MaxTensors)
                    throw new BtxException($"{source}: has more than {MaxTensors} tensors; no model that can be read here has so many");
                var added = name == Metadata ? metadata is null : !tensors.ContainsKey(name);
                if (!added) throw new BtxException($"{source}: \"{Show(name)}\" is duplicate in the safetensors header");
                if (name == Metadata) metadata = ReadMetadata(ref reader, source);
                else tensors.Add(name, Tensor(name, ref reader, dataStart, fileLength, source));
            }

            reader.Read(); // throws if anything follows
            CheckLayout(tensors.Values, dataStart, fileLength, source);
            return (tensors, metadata ?? []);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new BtxException($"{source}: the safetensors header is not valid JSON ({Show(e.Message)})", e);
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

    private static Dictionary<string, string> ReadMetadata(ref Utf8JsonReader reader, string source)
    {
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        if (reader.TokenType != JsonTokenType.StartObject) throw new BtxException($"{source}: {Metadata} is not a JSON object");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
                throw new BtxException($"{source}: {Metadata} entry \"{Show(name)}\" is not a string");
            if (!metadata.TryAdd(name, reader.GetString()!))
                throw new BtxException($"{source}: {Metadata} entry \"{Show(name)}\" is duplicate");
        }

        return metadata;
    }

    private static TensorInfo Tensor(string name, ref Utf8JsonReader reader, long dataStart, long fileLength, string source)
    {
        BtxException Invalid(string what) => new($"{source}: tensor \"{Show(name)}\" {what}");
        if (name.Length > MaxNameLength)
            throw Invalid($"has a name of {name.Length} characters; at most {MaxNameLength} are taken");
        if (reader.TokenType != JsonTokenType.StartObject) throw Invalid("is not a JSON object");
        string? type = null;
        long[]? shape = null, offsets = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString();
            reader.Read();
            if ((key == "dtype" && type is not null) || (key == "shape" && shape is not null)
                || (key == "data_offsets" && offsets is not null)) throw Invalid($"has a duplicate {key}");
            if (key == "dtype" && reader.TokenType == JsonTokenType.String) type = reader.GetString();
            else if (key == "shape" && reader.TokenType == JsonTokenType.StartArray)
                shape = Numbers(ref reader, MaxDimensions, out var wrong, out var count) ?? throw Invalid(Misshapen(wrong, count));
            else if (key == "data_offsets" && reader.TokenType == JsonTokenType.StartArray) offsets = Numbers(ref reader, 2, out _, out _);
            else reader.Skip();
        }

        if (TensorDtypes.Parse(type) is not { } dtype)
            throw Invalid($"has no supported dtype{(type is null ? "" : $" (\"{Show(type)}\")")}; use F32, F16 or BF16");
        if (shape is null) throw Invalid("has no shape");
        long elements = 1;
        foreach (var dimension in shape)
        {
            if (dimension < 0) throw Invalid($"has a negative dimension {dimension}");
            if (dimension != 0 && elements > long.MaxValue / 16 / dimension) throw Invalid("has more elements than any file can hold");
            elements *= dimension;
        }

        if (offsets is not [var begin, var end]) throw Invalid("has no data_offsets [begin, end]");
        if (begin < 0 || end < begin) throw Invalid($"has data_offsets [{begin}, {end}]; expected 0 <= begin <= end");
        if (end > fileLength - dataStart)
            throw Invalid($"ends at byte {end} of {fileLength - dataStart} data bytes; the file is truncated or the header wrong");
        if (end - begin != elements * dtype.Size())
            throw Invalid($"has {end - begin} bytes; shape [{string.Join(", ", shape)}] of {dtype} needs {elements * dtype.Size()}");
        return new TensorInfo(name, dtype, shape, dataStart + begin, end - begin);
    }

    private static string Misshapen(string? wrong, int count) =>
        wrong is null ? $"has {count} dimensions; at most {MaxDimensions} are allowed"
        : $"has a dimension {Show(wrong)} that is not a whole number";

    // Null: more than the most, or one (it is named) that is no whole number.
    private static long[]? Numbers(ref Utf8JsonReader reader, int most, out string? wrong, out int count)
    {
        Span<long> numbers = stackalloc long[most];
        (wrong, count) = (null, 0);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var number))
            {
                if (count < most) numbers[count] = number;
                count++;
                continue;
            }

            wrong ??= System.Text.Encoding.UTF8.GetString(reader.ValueSpan[..Math.Min(120, reader.ValueSpan.Length)]);
            reader.Skip();
        }

        return wrong is null && count <= most ? numbers[..count].ToArray() : null;
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
