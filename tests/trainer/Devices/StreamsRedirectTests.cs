using System.Buffers.Binary;
using Btx.Model;
using Btx.Trainer.Devices;

namespace Btx.Trainer.Tests.Devices;

public sealed class StreamsRedirectTests
{
    private static readonly Lazy<byte[]> s_library = new(() => File.ReadAllBytes(TorchLibrary.Find()!));

    [Fact]
    public void Three_fields_change_and_nothing_else()
    {
        var original = s_library.Value;
        var before = original.ToArray();
        var copy = StreamsRedirect.Apply(original);
        Assert.Equal(before, original);
        Assert.Equal(original.Length, copy.Length);
        var changed = Enumerable.Range(0, copy.Length).Where(i => copy[i] != original[i]).ToArray();
        Assert.Equal(3, changed.Zip(changed.Skip(1)).Count(pair => pair.Second - pair.First > 64) + 1);
        Assert.InRange(changed.Length, 3, "_ZSt21ios_base_library_initv".Length + 4);
        Assert.Contains("does not", Assert.Throws<BtxException>(() => StreamsRedirect.Apply(copy)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_such_library_is_refused_in_words()
    {
        Refused("not an ELF file", []);
        Refused("not an ELF file", new byte[4096]);
        Refused("not an ELF file",
            "MZ is what a library for Windows begins with, and it is longer than the head of one for Linux"u8.ToArray());
        Refused("not for x86-64", Changed(18, [183])); // AArch64
        Refused("not for x86-64", Changed(4, [1]));    // 32 bits
        Refused("no GLIBCXX_3.4 of", Replaced("GLIBCXX_3.4\0"u8, "GLIBCXX_9.9\0"u8));
        Refused("does not need GLIBCXX_3.4.32", Replaced("GLIBCXX_3.4.32\0"u8, "GLIBCXX_3.4.99\0"u8));
        Refused("needs more of GLIBCXX_3.4.32", Replaced("_ZSt21ios_base_library_initv"u8, "_ZSt21ios_base_library_initw"u8));
        Refused("beyond its end", Changed(40, [255, 255, 255, 255, 255, 255, 255, 255])); // where the sections lie
        Refused("missing", Changed(60, [0, 0]));                                           // how many there are

        static void Refused(string reason, byte[] bytes) =>
            Assert.Contains(reason, Assert.Throws<BtxException>(() => StreamsRedirect.Apply(bytes)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_bytes_give_a_copy_or_the_one_error_and_no_other()
    {
        var library = s_library.Value;
        var random = new Random(7);
        foreach (var length in Enumerable.Range(0, 200).Concat(Enumerable.Range(0, 100).Select(_ => random.Next(library.Length))))
            Try(library.AsSpan(0, length));

        // Bytes flipped where a reader looks: the head, the sections, the tables that they name.
        var sections = (int)BinaryPrimitives.ReadUInt64LittleEndian(library.AsSpan(40));
        var places = new List<(int From, int Length)> { (0, 64), (sections, library.Length - sections) };
        for (var at = sections; at + 64 <= library.Length; at += 64)
        {
            if (BinaryPrimitives.ReadUInt32LittleEndian(library.AsSpan(at + 4)) is 11 or 0x6ffffffe or 0x6fffffff)
                places.Add(((int)BinaryPrimitives.ReadUInt64LittleEndian(library.AsSpan(at + 24)),
                    (int)BinaryPrimitives.ReadUInt64LittleEndian(library.AsSpan(at + 32))));
        }

        var damaged = library.ToArray();
        for (var round = 0; round < 1500; round++)
        {
            var (from, extent) = places[round % places.Count];
            var touched = Enumerable.Range(0, random.Next(1, 5))
                .Select(_ => from + random.Next(Math.Min(extent, library.Length - from))).ToArray();
            foreach (var at in touched) damaged[at] = random.Next(4) == 0 ? (byte)255 : (byte)random.Next(256);
            Try(damaged);
            foreach (var at in touched) damaged[at] = library[at];
        }

        for (var round = 0; round < 500; round++)
        {
            var noise = new byte[random.Next(64, 4096)];
            random.NextBytes(noise);
            library.AsSpan(0, 20).CopyTo(noise);
            BinaryPrimitives.WriteUInt64LittleEndian(noise.AsSpan(40), (ulong)random.Next(noise.Length));
            BinaryPrimitives.WriteUInt16LittleEndian(noise.AsSpan(58), 64);
            BinaryPrimitives.WriteUInt16LittleEndian(noise.AsSpan(60), (ushort)random.Next(8));
            Try(noise);
        }

        static void Try(ReadOnlySpan<byte> bytes)
        {
            try
            {
                Assert.Equal(bytes.Length, StreamsRedirect.Apply(bytes).Length);
            }
            catch (BtxException e)
            {
                Assert.InRange(e.Message.Length, 10, 120);
            }
        }
    }

    private static byte[] Changed(int at, byte[] bytes)
    {
        var library = s_library.Value.ToArray();
        bytes.CopyTo(library, at);
        return library;
    }

    private static byte[] Replaced(ReadOnlySpan<byte> text, ReadOnlySpan<byte> by)
    {
        var library = s_library.Value.ToArray();
        by.CopyTo(library.AsSpan(library.AsSpan().IndexOf(text)));
        return library;
    }
}
