using System.Runtime.InteropServices;

namespace Btx.Trainer.Devices;

/// <summary>Rewrites one reference of an x86-64 shared library so that it loads with a libstdc++ older than GCC 13's. Such a library refers
/// to <c>std::ios_base_library_init()</c> of version GLIBCXX_3.4.32, which does nothing but initialise the standard streams. The
/// constructor of <c>std::ios_base::Init</c>, of version GLIBCXX_3.4, does the same and touches nothing of its object. So the copy names
/// the constructor instead, with its version, and the need of the newer version becomes a weak one. No code changes. Format: System V ABI,
/// chapters 4 and 5; symbol versions: LSB 5.0 core, section 10.7.</summary>
internal static class StreamsRedirect
{
    /// <summary>The version of libstdc++'s interface that the library asks for and older systems lack.</summary>
    public const string NewerVersion = "GLIBCXX_3.4.32";

    private const string OlderVersion = "GLIBCXX_3.4", Library = "libstdc++.so.6";
    private const uint StringTable = 3, DynamicSymbols = 11, VersionNeeds = 0x6ffffffe, VersionIndices = 0x6fffffff;
    private const ushort WeakVersion = 2, VersionMask = 0x7fff;

    private static ReadOnlySpan<byte> NewerName => "_ZSt21ios_base_library_initv"u8;

    private static ReadOnlySpan<byte> OlderName => "_ZNSt8ios_base4InitC1Ev"u8;

    /// <summary>The library with the reference redirected; the input is not changed.</summary>
    /// <exception cref="BtxException">It is no such library, is damaged, or needs more of the newer libstdc++ than this one
    /// reference.</exception>
    public static byte[] Apply(ReadOnlySpan<byte> library)
    {
        Require(library.Length >= 64 && library.StartsWith("\x7f\x45LF"u8), "it is not an ELF file");
        var copy = library.ToArray();
        Require(copy[4] == 2 && copy[5] == 1 && At<ushort>(copy, 18) == 62, "it is not for x86-64");
        var sections = MemoryMarshal.Cast<byte, Section>(Part(copy, At<ulong>(copy, 40), At<ushort>(copy, 60) * 64UL));
        Require(At<ushort>(copy, 58) == 64, "it has no sections");

        Section symbolTable = Find(sections, DynamicSymbols), needTable = Find(sections, VersionNeeds);
        var names = symbolTable.Link;
        Require(names < (uint)sections.Length && needTable.Link == names && sections[(int)names].Type == StringTable,
            "its symbols have no names");
        var symbols = MemoryMarshal.Cast<byte, Symbol>(Contents(copy, symbolTable));
        var indices = MemoryMarshal.Cast<byte, ushort>(Contents(copy, Find(sections, VersionIndices)));
        var needs = Contents(copy, needTable);
        var text = Contents(copy, sections[(int)names]);
        Require(indices.Length >= symbols.Length, "its symbols have no versions");

        var (newer, older) = Versions(needs, text);
        var found = -1;
        for (var i = 0; i < symbols.Length; i++)
        {
            var redirected = Reads(text, symbols[i].Name, NewerName);
            var isNewer = (indices[i] & VersionMask) == newer.Index;
            Require(redirected || !isNewer, $"it needs more of {NewerVersion} than the initialisation of the streams");
            if (!redirected) continue;
            Require(found < 0 && isNewer && symbols[i].Section == 0, "it refers to the streams' initialisation in an unknown way");
            found = i;
        }

        Require(found >= 0, "it does not refer to the streams' initialisation");
        var at = symbols[found].Name;
        foreach (var symbol in symbols)
            Require(symbol.Name <= at || symbol.Name >= at + NewerName.Length, "the name to change is part of another");

        text.Slice((int)at, NewerName.Length).Clear();
        OlderName.CopyTo(text[(int)at..]);
        indices[found] = older.Index;
        MemoryMarshal.Write(needs[(newer.At + 4)..], WeakVersion);
        return copy;
    }

    // Where the entries of the two versions lie in the needs, and the index by which symbols refer to them. Each entry takes
    // its own bytes, which bounds how many there can be, whatever the counts in a damaged file say.
    private static ((int At, ushort Index) Newer, (int At, ushort Index) Older) Versions(Span<byte> needs, ReadOnlySpan<byte> text)
    {
        (int, ushort)? newer = null, older = null;
        var budget = needs.Length / 16;
        for (long need = 0, next = -1; next != 0; need += next)
        {
            var file = At<Need>(needs, need);
            next = file.Next;
            var entry = need + file.Entries;
            for (var left = file.Count; left > 0; left--)
            {
                Require(--budget >= 0, "its version needs are damaged");
                var version = At<NeededVersion>(needs, entry);
                var found = ((int)entry, (ushort)(version.Index & VersionMask));
                if (Reads(text, file.Name, "libstdc++.so.6"u8))
                {
                    if (Reads(text, version.Name, "GLIBCXX_3.4.32"u8)) newer = found;
                    if (Reads(text, version.Name, "GLIBCXX_3.4"u8)) older = found;
                }

                entry += version.Next;
            }

            Require(--budget >= 0, "its version needs are damaged");
        }

        return (newer ?? throw new BtxException($"it does not need {NewerVersion} of {Library}"),
            older ?? throw new BtxException($"it needs no {OlderVersion} of {Library} to fall back to"));
    }

    private static Section Find(ReadOnlySpan<Section> sections, uint type)
    {
        foreach (var section in sections)
            if (section.Type == type) return section;

        throw new BtxException("its table of symbols is missing");
    }

    private static Span<byte> Contents(Span<byte> library, Section section) => Part(library, section.Offset, section.Size);

    private static bool Reads(ReadOnlySpan<byte> text, uint at, ReadOnlySpan<byte> name) =>
        at < text.Length && text[(int)at..] is var rest && rest.StartsWith(name) && rest.Length > name.Length && rest[name.Length] == 0;

    private static T At<T>(Span<byte> whole, long offset) where T : unmanaged =>
        MemoryMarshal.Read<T>(Part(whole, (ulong)offset, (ulong)Marshal.SizeOf<T>()));

    private static Span<byte> Part(Span<byte> whole, ulong offset, ulong length)
    {
        Require(offset <= (ulong)whole.Length && length <= (ulong)whole.Length - offset, "a part lies beyond its end");
        return whole.Slice((int)offset, (int)length);
    }

    private static void Require(bool holds, string reason)
    {
        if (!holds) throw new BtxException(reason);
    }

    // Elf64_Shdr, Elf64_Sym, Elf64_Verneed and Elf64_Vernaux.
    private readonly record struct Section(uint Name, uint Type, ulong Flags, ulong Address, ulong Offset, ulong Size, uint Link, uint Info,
        ulong Alignment, ulong EntrySize);

    private readonly record struct Symbol(uint Name, byte Info, byte Other, ushort Section, ulong Value, ulong Size);

    private readonly record struct Need(ushort Version, ushort Count, uint Name, uint Entries, uint Next);

    private readonly record struct NeededVersion(uint Hash, ushort Flags, ushort Index, uint Name, uint Next);
}
