using System.Text;

namespace Btx.LoadTests.Tests.Peers;

/// <summary>Reads a GGUF file as its description says, knowing nothing of the writer.</summary>
internal sealed class GgufReader
{
    private readonly byte[] _bytes;
    private readonly long _data;

    public GgufReader(string path)
    {
        _bytes = File.ReadAllBytes(path);
        using var r = new BinaryReader(new MemoryStream(_bytes));
        Magic = Encoding.ASCII.GetString(r.ReadBytes(4));
        Version = r.ReadUInt32();
        var (tensors, entries) = (r.ReadUInt64(), r.ReadUInt64());
        for (var i = 0ul; i < entries; i++) Metadata.Add(Text(r), Value(r, r.ReadUInt32()));
        for (var i = 0ul; i < tensors; i++)
        {
            var name = Text(r);
            var sizes = Enumerable.Range(0, (int)r.ReadUInt32()).Select(_ => r.ReadInt64()).ToArray();
            Tensors.Add(name, (sizes, r.ReadUInt32(), r.ReadInt64()));
        }

        _data = (r.BaseStream.Position + 31) / 32 * 32;
    }

    public string Magic { get; }

    public uint Version { get; }

    public Dictionary<string, object> Metadata { get; } = [];

    /// <summary>Sizes innermost first, type, offset from the beginning of the data.</summary>
    public Dictionary<string, (long[] Sizes, uint Type, long Offset)> Tensors { get; } = [];

    public long DataLength => _bytes.Length - _data;

    public float[] Read(string name)
    {
        var (sizes, type, offset) = Tensors[name];
        var count = (int)sizes.Aggregate((a, b) => a * b);
        var from = (int)(_data + offset);
        return [.. Enumerable.Range(0, count)
            .Select(i => type == 1 ? (float)BitConverter.ToHalf(_bytes, from + (2 * i)) : BitConverter.ToSingle(_bytes, from + (4 * i)))];
    }

    private static string Text(BinaryReader r) => Encoding.UTF8.GetString(r.ReadBytes((int)r.ReadUInt64()));

    private static object Value(BinaryReader r, uint type)
    {
        switch (type)
        {
            case 4: return r.ReadUInt32();
            case 5: return r.ReadInt32();
            case 6: return r.ReadSingle();
            case 7: return r.ReadBoolean();
            case 8: return Text(r);
            case 9:
                var of = r.ReadUInt32();
                return Enumerable.Range(0, (int)r.ReadUInt64()).Select(_ => Value(r, of)).ToArray();
            default: throw new InvalidDataException($"type {type}");
        }
    }
}
