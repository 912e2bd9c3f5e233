using System.Buffers;
using System.Text;
using Btx.Model.Files;

namespace Btx.Peers.LlamaCpp.Gguf;

/// <summary>
/// Writes a GGUF file, version 3, little-endian: magic, counts, metadata, a directory of tensors, then their data, each on a multiple of
/// 32 bytes. Format: ggml's <c>docs/gguf.md</c>.
/// </summary>
internal sealed class GgufWriter
{
    public const int Alignment = 32;

    private readonly ArrayBufferWriter<byte> metadata = new();
    private readonly List<Tensor> tensors = [];
    private ulong entries;

    /// <summary>Fills a tensor's bytes, C order.</summary>
    public delegate void Fill(Span<byte> destination);

    public void Add(string key, uint value) => Entry(key, 4, w => w.Write(value));

    public void Add(string key, float value) => Entry(key, 6, w => w.Write(value));

    public void Add(string key, bool value) => Entry(key, 7, w => w.Write(value));

    public void Add(string key, string value) => Entry(key, 8, w => Text(w, value));

    public void Add(string key, IReadOnlyCollection<string> values) => Entry(key, 9, w =>
    {
        w.Write(8u);
        w.Write((ulong)values.Count);
        foreach (var value in values) Text(w, value);
    });

    public void Add(string key, IReadOnlyCollection<int> values) => Entry(key, 9, w =>
    {
        w.Write(5u);
        w.Write((ulong)values.Count);
        foreach (var value in values) w.Write(value);
    });

    /// <param name="shape">As PyTorch says it, outermost first; the file lists it innermost first.</param>
    public void Add(string name, GgufType type, IReadOnlyList<long> shape, Fill fill) => tensors.Add(new Tensor(name, type, shape, fill));

    /// <summary>Writes the file whole or not at all.</summary>
    /// <exception cref="Btx.Model.BtxException">It cannot be written.</exception>
    public void Write(string path) => AtomicFile.Write(path, stream =>
    {
        using var w = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true);
        w.Write("GGUF"u8);
        w.Write(3u);
        w.Write((ulong)tensors.Count);
        w.Write(entries);
        w.Write(metadata.WrittenSpan);
        var offset = 0L;
        foreach (var t in tensors)
        {
            Text(w, t.Name);
            w.Write((uint)t.Shape.Count);
            foreach (var size in t.Shape.Reverse()) w.Write((ulong)size);
            w.Write((uint)t.Type);
            w.Write((ulong)offset);
            offset = Aligned(offset + t.Bytes);
        }

        w.Flush();
        Pad(stream);
        foreach (var t in tensors)
        {
            var bytes = new byte[t.Bytes];
            t.Fill(bytes);
            stream.Write(bytes);
            Pad(stream);
        }
    });

    private static long Aligned(long position) => (position + Alignment - 1) / Alignment * Alignment;

    private static void Pad(Stream stream) => stream.Write(new byte[Aligned(stream.Position) - stream.Position]);

    private static void Text(BinaryWriter w, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        w.Write((ulong)bytes.Length);
        w.Write(bytes);
    }

    private void Entry(string key, uint type, Action<BinaryWriter> value)
    {
        using var entry = new MemoryStream();
        using var w = new BinaryWriter(entry);
        Text(w, key);
        w.Write(type);
        value(w);
        metadata.Write(entry.GetBuffer().AsSpan(0, (int)entry.Length));
        entries++;
    }

    private sealed record Tensor(string Name, GgufType Type, IReadOnlyList<long> Shape, Fill Fill)
    {
        public long Bytes => Shape.Aggregate(1L, (n, s) => n * s) * (Type == GgufType.F16 ? 2 : 4);
    }
}
