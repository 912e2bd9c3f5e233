using System.Runtime.InteropServices;
using System.Text;

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

    private const string OlderVersion = "GLIBCXX_3.4", NewerName = "_ZSt21ios_base_library_initv", OlderName = "_ZNSt8ios_base4InitC1Ev";
    private const uint DynamicSymbols = 11, VersionNeeds = 0x6ffffffe, VersionIndices = 0x6fffffff;
    private const ushort WeakVersion = 2, VersionMask = 0x7fff;

    /// <summary>The library with the reference redirected; the input is not changed.</summary>
    /// <exception cref="BtxException">It is no such library, is damaged, or needs more of the newer libstdc++ than this one
    /// reference.</exception>
    public static byte[] Apply(ReadOnlySpan<byte> library)
    {
        Require(library.Length >= 64 && library.StartsWith("\x7f\x45LF"u8), "it is not an ELF file");
        var copy = library.ToArray();
        Require(copy[4] == 2 && copy[5] == 1 && At<ushort>(copy, 18) == 62, "it is not for x86-64");
        Require(At<ushort>(copy, 58) == 64, "it has no sections");
        var sections = MemoryMarshal.Cast<byte, Section>(Part(copy, At<ulong>(copy, 40), At<ushort>(copy, 60) * 64UL));
        Section symbolTable = Find(sections, DynamicSymbols), needTable = Find(sections, VersionNeeds);
        Require(symbolTable.Link < (uint)sections.Length && needTable.Link == symbolTable.Link, "its symbols have no names");
        var text = Contents(copy, sections[(int)symbolTable.Link]);
        var symbols = MemoryMarshal.Cast<byte, Symbol>(Contents(copy, symbolTable));
        var indices = MemoryMarshal.Cast<byte, ushort>(Contents(copy, Find(sections, VersionIndices)));
        var versions = MemoryMarshal.Cast<byte, NeededVersion>(Contents(copy, needTable));
        Require(indices.Length >= symbols.Length, "its symbols have no versions");

        int newer = Find(versions, text, NewerVersion), older = Find(versions, text, OlderVersion), found = -1;
        Require(newer >= 0, $"it does not need {NewerVersion} of libstdc++");
        Require(older >= 0, $"it needs no {OlderVersion} of libstdc++ to fall back to");
        for (var i = 0; i < symbols.Length; i++)
        {
            var redirected = Reads(text, symbols[i].Name, NewerName);
            var isNewer = (indices[i] & VersionMask) == (versions[newer].Index & VersionMask);
            Require(redirected || !isNewer, $"it needs more of {NewerVersion} than the initialisation of the streams");
            if (!redirected) continue;
            Require(found < 0 && isNewer && symbols[i].Section == 0, "it refers to the streams' initialisation in an unknown way");
            found = i;
        }

        Require(found >= 0, "it does not refer to the streams' initialisation");
        var at = symbols[found].Name;
        foreach (var symbol in symbols)
            Require(symbol.Name <= at || symbol.Name >= at + NewerName.Length, "the name to change is part of another");

        Encoding.ASCII.GetBytes(OlderName.PadRight(NewerName.Length, '\0')).CopyTo(text[(int)at..]);
        indices[found] = (ushort)(versions[older].Index & VersionMask);
        versions[newer] = versions[newer] with { Flags = WeakVersion };
        return copy;
    }

    // Entries of libraries and of their versions stand in one table, each as long as the other; the name tells a version's.
    private static int Find(ReadOnlySpan<NeededVersion> versions, ReadOnlySpan<byte> text, string name)
    {
        for (var i = 0; i < versions.Length; i++)
            if (Reads(text, versions[i].Name, name)) return i;

        return -1;
    }

    private static Section Find(ReadOnlySpan<Section> sections, uint type)
    {
        foreach (var section in sections)
            if (section.Type == type) return section;

        throw new BtxException("its table of symbols is missing");
    }

    private static Span<byte> Contents(Span<byte> library, Section section) => Part(library, section.Offset, section.Size);

    private static bool Reads(ReadOnlySpan<byte> text, uint at, string name) =>
        at < text.Length && text[(int)at..].StartsWith(Encoding.ASCII.GetBytes(name + '\0'));

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

    // Elf64_Shdr, Elf64_Sym and Elf64_Vernaux.
    private readonly record struct Section(uint Name, uint Type, ulong Flags, ulong Address, ulong Offset, ulong Size, uint Link, uint Info,
        ulong Alignment, ulong EntrySize);

    private readonly record struct Symbol(uint Name, byte Info, byte Other, ushort Section, ulong Value, ulong Size);

    private readonly record struct NeededVersion(uint Hash, ushort Flags, ushort Index, uint Name, uint Next);
}
