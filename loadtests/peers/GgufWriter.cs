using System.Text;
using Btx.Model.Files;

namespace Btx.Peers;

/// <summary>Types of stored tensors, with ggml's numbers.</summary>
internal enum GgufType : uint
{
    F32 = 0,
    F16 = 1,
}

/// <summary>Writes a GGUF file, version 3, little-endian: magic, counts, metadata, a directory of tensors, then their data, each on a
/// multiple of 32 bytes. Format: ggml's <c>docs/gguf.md</c>.</summary>
internal sealed class GgufWriter
{
    private readonly List<(string Key, uint Type, Action<BinaryWriter> Value)> _metadata = [];
    private readonly List<(string Name, GgufType Type, IReadOnlyList<long> Shape, Func<byte[]> Data)> _tensors = [];

    public void Add(string key, uint value) => _metadata.Add((key, 4, w => w.Write(value)));

    public void Add(string key, float value) => _metadata.Add((key, 6, w => w.Write(value)));

    public void Add(string key, string value) => _metadata.Add((key, 8, w => Text(w, value)));

    public void Add(string key, IReadOnlyCollection<string> values) => _metadata.Add((key, 9, w => Array(w, 8, values, Text)));

    public void Add(string key, IReadOnlyCollection<int> values) =>
        _metadata.Add((key, 9, w => Array(w, 5, values, (to, value) => to.Write(value))));

    /// <param name="shape">As PyTorch says it, outermost first; the file lists it innermost first.</param>
    /// <param name="data">Its bytes, C order.</param>
    public void Add(string name, GgufType type, IReadOnlyList<long> shape, Func<byte[]> data) => _tensors.Add((name, type, shape, data));

    /// <summary>Writes the file whole or not at all.</summary>
    /// <exception cref="Btx.Model.BtxException">It cannot be written.</exception>
    public void Write(string path) => AtomicFile.Write(path, stream =>
    {
        using var w = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true);
        w.Write("GGUF"u8);
        w.Write(3u);
        w.Write((ulong)_tensors.Count);
        w.Write((ulong)_metadata.Count);
        foreach (var (key, type, value) in _metadata)
        {
            Text(w, key);
            w.Write(type);
            value(w);
        }

        var offset = 0L;
        foreach (var (name, type, shape, _) in _tensors)
        {
            Text(w, name);
            w.Write((uint)shape.Count);
            foreach (var size in shape.Reverse()) w.Write((ulong)size);
            w.Write((uint)type);
            w.Write((ulong)offset);
            offset = Aligned(offset + (shape.Aggregate(1L, (n, s) => n * s) * (type == GgufType.F16 ? 2 : 4)));
        }

        Pad(w);
        foreach (var (_, _, _, data) in _tensors)
        {
            w.Write(data());
            Pad(w);
        }
    });

    private static void Array<T>(BinaryWriter w, uint type, IReadOnlyCollection<T> values, Action<BinaryWriter, T> write)
    {
        w.Write(type);
        w.Write((ulong)values.Count);
        foreach (var value in values) write(w, value);
    }

    private static long Aligned(long position) => (position + 31) / 32 * 32;

    private static void Pad(BinaryWriter w)
    {
        w.Flush();
        w.Write(new byte[Aligned(w.BaseStream.Position) - w.BaseStream.Position]);
    }

    private static void Text(BinaryWriter w, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        w.Write((ulong)bytes.Length);
        w.Write(bytes);
    }
}
