using System.Buffers.Binary;
using System.Text;
using Btx.Server.Tests.Chaos;

namespace Btx.Server.Tests.Attacks;

/// <summary>Weights of an expert that is to be added, whose sizes are not true: refused, whatever they would make the server read or
/// allocate. The reader itself is tested with every kind of header in the room model.</summary>
[Collection(AttackedServer.Name)]
public sealed class SizeAttacks(AttackedServer server)
{
    /// <summary>Declared sizes beyond the file: CVE-2026-7482.</summary>
    [Theory]
    [InlineData("\"data_offsets\":[0,", "\"data_offsets\":[0,9", "truncated")]
    [InlineData("\"data_offsets\":[0,", "\"data_offsets\":[9007199254740991,9007199254740992", "data_offsets")]
    public Task Declared_sizes_beyond_the_file(string old, string by, string says) => RefusedAsync(old, by, says);

    /// <summary>Size overflows: products of dimensions that come out small, or negative, in 32 or 64 bits: CVE-2026-27940.</summary>
    [Theory]
    [InlineData("\"shape\":[", "\"shape\":[4294967296,4294967296,", "more elements than any file")]
    [InlineData("\"shape\":[", "\"shape\":[4611686018427387904,4,", "more elements than any file")]
    [InlineData("\"shape\":[", "\"shape\":[-1,-1,", "negative dimension")]
    public Task Size_overflows(string old, string by, string says) => RefusedAsync(old, by, says);

    private Task RefusedAsync(string old, string by, string says) => server.UnharmedAsync(async () =>
    {
        var name = $"guest{(uint)HashCode.Combine(old, by)}";
        var file = Path.Combine(server.Forest.Guest(name), "model.safetensors");
        var bytes = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken);
        var length = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        var header = Encoding.UTF8.GetString(bytes, 8, length);
        var at = header.IndexOf(old, StringComparison.Ordinal);
        Assert.True(at > 0);
        var changed = Encoding.UTF8.GetBytes(header[..at] + by + header[(at + old.Length)..]);
        var size = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(size, changed.Length);
        await File.WriteAllBytesAsync(file, [.. size, .. changed, .. bytes[(8 + length)..]], TestContext.Current.CancellationToken);
        var refusal = await Chaos.Changes.RefusalAsync(server.Process.AddAsync(name, Path.GetDirectoryName(file)!));
        Assert.Contains(says, refusal.Detail, StringComparison.Ordinal);
    });
}
