using System.Buffers.Binary;

namespace Btx.Trainer.Devices;

/// <summary>
/// Rewrites one reference of an x86-64 shared library so that it loads with a libstdc++ older than GCC 13's. Such a library refers to
/// <c>std::ios_base_library_init()</c> of version GLIBCXX_3.4.32, which does nothing but initialise the standard streams. The constructor
/// of <c>std::ios_base::Init</c>, of version GLIBCXX_3.4, does the same and touches nothing of its object. So the copy names the
/// constructor instead, with its version, and the need of the newer version becomes a weak one. No code changes.
/// Format: System V ABI, chapters 4 and 5; symbol versions: LSB 5.0 core, section 10.7.
/// </summary>
internal static class StreamsRedirect
{
    /// <summary>The version of libstdc++'s interface that the library asks for and older systems lack.</summary>
    public const string NewerVersion = "GLIBCXX_3.4.32";

    private const string OlderVersion = "GLIBCXX_3.4", Library = "libstdc++.so.6";
    private const int SectionSize = 64, SymbolSize = 24, NeedSize = 16; // an Elf64_Shdr, an Elf64_Sym, an Elf64_Verneed or Elf64_Vernaux
    private const uint StringTable = 3, DynamicSymbols = 11, VersionNeeds = 0x6ffffffe, VersionIndices = 0x6fffffff;
    private const ushort WeakVersion = 2, VersionMask = 0x7fff;

    private static ReadOnlySpan<byte> NewerName => "_ZSt21ios_base_library_initv"u8;

    private static ReadOnlySpan<byte> OlderName => "_ZNSt8ios_base4InitC1Ev"u8;

    /// <summary>The library with the reference redirected; the input is not changed.</summary>
    /// <exception cref="BtxException">It is no such library, is damaged, or needs more of the newer
    /// libstdc++ than this one reference.</exception>
    public static byte[] Apply(ReadOnlySpan<byte> library)
    {
        Require(library.Length >= 64 && library.StartsWith("\x7f\x45LF"u8), "it is not an ELF file");
        Require(library[4] == 2 && library[5] == 1 && U16(library, 18) == 62, "it is not for x86-64");
        var sections = Part(library, U64(library, 40), (ulong)U16(library, 60) * SectionSize);
        Require(U16(library, 58) == SectionSize, "it has no sections");

        var symbols = Contents(library, Find(sections, DynamicSymbols), out var names);
        var indices = Contents(library, Find(sections, VersionIndices), out _);
        var needs = Contents(library, Find(sections, VersionNeeds), out var versionNames);
        Require(names < (uint)(sections.Length / SectionSize) && versionNames == names, "its symbols have no names");
        var nameTable = sections.Slice((int)names * SectionSize, SectionSize);
        Require(U32(nameTable, 4) == StringTable, "its symbols have no names");
        var text = Contents(library, nameTable, out _);
        var count = symbols.Length / SymbolSize;
        Require(indices.Length / 2 >= count, "its symbols have no versions");

        var (newer, older) = Versions(needs, text);
        int found = -1, at = 0;
        for (var i = 0; i < count; i++)
        {
            var name = U32(symbols, i * SymbolSize);
            var version = U16(indices, 2 * i) & VersionMask;
            var redirected = Reads(text, name, NewerName);
            Require(redirected || version != newer.Index, $"it needs more of {NewerVersion} than the initialisation of the streams");
            if (!redirected) continue;
            Require(found < 0 && version == newer.Index && U16(symbols, (i * SymbolSize) + 6) == 0,
                "it refers to the streams' initialisation in an unknown way");
            (found, at) = (i, (int)name);
        }

        Require(found >= 0, "it does not refer to the streams' initialisation");
        for (var i = 0; i < count; i++)
        {
            var name = U32(symbols, i * SymbolSize);
            Require(name <= at || name >= at + NewerName.Length, "the name to change is part of another");
        }

        var copy = library.ToArray();
        var place = copy.AsSpan(Offset(library, text) + at, NewerName.Length);
        place.Clear();
        OlderName.CopyTo(place);
        BinaryPrimitives.WriteUInt16LittleEndian(copy.AsSpan(Offset(library, indices) + (2 * found)), older.Index);
        BinaryPrimitives.WriteUInt16LittleEndian(copy.AsSpan(Offset(library, needs) + newer.At + 4), WeakVersion);
        return copy;
    }

    // Where the entries of the two versions lie in the needs, and the index by which symbols refer to them. Each entry takes
    // its own bytes, which bounds how many there can be, whatever the counts in a damaged file say.
    private static ((int At, ushort Index) Newer, (int At, ushort Index) Older) Versions(ReadOnlySpan<byte> needs, ReadOnlySpan<byte> text)
    {
        (int, ushort)? newer = null, older = null;
        var budget = needs.Length / NeedSize;
        for (long need = 0, next = -1; next != 0; need += next)
        {
            var file = Part(needs, (ulong)need, NeedSize);
            next = U32(file, 12);
            var entry = need + U32(file, 8);
            for (var left = U16(file, 2); left > 0; left--)
            {
                Require(--budget >= 0, "its version needs are damaged");
                var version = Part(needs, (ulong)entry, NeedSize);
                var found = ((int)entry, (ushort)(U16(version, 6) & VersionMask));
                if (Reads(text, U32(file, 4), "libstdc++.so.6"u8))
                {
                    if (Reads(text, U32(version, 8), "GLIBCXX_3.4.32"u8)) newer = found;
                    if (Reads(text, U32(version, 8), "GLIBCXX_3.4"u8)) older = found;
                }

                entry += U32(version, 12);
            }

            Require(--budget >= 0, "its version needs are damaged");
        }

        return (newer ?? throw new BtxException($"it does not need {NewerVersion} of {Library}"),
            older ?? throw new BtxException($"it needs no {OlderVersion} of {Library} to fall back to"));
    }

    private static ReadOnlySpan<byte> Find(ReadOnlySpan<byte> sections, uint type)
    {
        for (var i = 0; i + SectionSize <= sections.Length; i += SectionSize)
        {
            if (U32(sections, i + 4) == type) return sections.Slice(i, SectionSize);
        }

        throw new BtxException("its table of symbols is missing");
    }

    private static ReadOnlySpan<byte> Contents(ReadOnlySpan<byte> library, ReadOnlySpan<byte> section, out uint link)
    {
        link = U32(section, 40);
        return Part(library, U64(section, 24), U64(section, 32));
    }

    private static bool Reads(ReadOnlySpan<byte> text, uint at, ReadOnlySpan<byte> name) =>
        at < text.Length && text[(int)at..] is var rest && rest.StartsWith(name) && rest.Length > name.Length && rest[name.Length] == 0;

    private static ReadOnlySpan<byte> Part(ReadOnlySpan<byte> whole, ulong offset, ulong length)
    {
        Require(offset <= (ulong)whole.Length && length <= (ulong)whole.Length - offset, "a part lies beyond its end");
        return whole.Slice((int)offset, (int)length);
    }

    private static int Offset(ReadOnlySpan<byte> whole, ReadOnlySpan<byte> part) => whole.Overlaps(part, out var offset) ? offset : 0;

    private static ushort U16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    private static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    private static ulong U64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[at..]);

    private static void Require(bool holds, string reason)
    {
        if (!holds) throw new BtxException(reason);
    }
}
