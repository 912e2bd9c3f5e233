using System.Text;
using Btx.Model.Moe;
using Btx.Model.Serving;

namespace Btx.Model.Registry;

/// <summary>The last committed state of a served forest, read without its lock: a server may own it and go on.</summary>
/// <param name="Base">Revision 0.</param>
public sealed record CommittedState(ForestState State, ForestState Base)
{
    /// <exception cref="BtxException">A manifest or the journal is damaged or of another export, or lacks a certified removal.</exception>
    public static CommittedState Read(string servedDirectory)
    {
        var contents = JournalContents.Read(servedDirectory);
        var first = BaseOf(servedDirectory, contents);
        contents.RequireBase(first.Hash());
        RequireCertified(servedDirectory, contents);
        return new(contents.State ?? first, first);
    }

    /// <summary>The BTX model to serve: the one that a change made, or the one that the options name, unless it was dropped or holds an
    /// expert that a change took out.</summary>
    /// <returns>Absolute directory, or null; and why the named one is not served, one line, or null.</returns>
    /// <exception cref="BtxException">The manifest of the named one is missing or invalid.</exception>
    public (string? Directory, string? Note) Moe(string servedDirectory, string? named)
    {
        if (State.Moe is { } made) return (Path.GetFullPath(Path.Combine(servedDirectory, made)), null);
        if (named is null) return (null, null);
        if (State.MoeDropped) return (null, $"{named}: is not served: a removal dropped the BTX model");
        var held = Base.Ready.Select(e => e.Name).ToHashSet(StringComparer.Ordinal);
        var gone = State.Absent.Where(a => a.RemovedIn is not null).Select(a => (a.Name, Weights: a.Sha256))
            .Concat(State.Experts.Where(e => e.Status == ExpertStatus.Quarantined && held.Contains(e.Name))
            .Select(e => (e.Name, Weights: (string?)e.Sha256)));
        var expert = gone.FirstOrDefault(e => MemberOf(named, e.Name, e.Weights) is not null).Name;
        return expert is null ? (Path.GetFullPath(named), null)
            : (null, $"{named}: is not served: it holds expert \"{expert}\", which was taken out of "
                + "the forest; mix and export one without it");
    }

    /// <summary>The name under which a served BTX model holds an expert: its own, or that of a member with the same weights.</summary>
    /// <param name="sha256">Of the expert's weight files; null where only the name is known.</param>
    /// <returns>Null: it does not hold it, as far as its manifests say.</returns>
    public static string? MemberOf(string moe, string name, string? sha256)
    {
        if (ServedMoeManifest.Load(moe).Experts.Any(e => e.Name == name)) return name;
        return sha256 is null || !BtxManifest.Exists(moe) ? null
            : BtxManifest.Load(moe).Experts.FirstOrDefault(e => e.Sha256 == sha256)?.Name;
    }

    // A journal that was emptied or replaced must not bring back what a certificate says is gone.
    private static void RequireCertified(string servedDirectory, JournalContents contents)
    {
        var directory = Path.Combine(servedDirectory, RemovalCertificate.DirectoryName);
        if (!Directory.Exists(directory)) return;
        var removals = contents.History.Where(c => c is { Kind: ChangeKind.Remove, Outcome: ChangeOutcome.Committed })
            .Select(c => $"{c.Id}.json").ToHashSet(StringComparer.Ordinal);
        if (Directory.EnumerateFiles(directory, "c*.json").Select(Path.GetFileName).Order(StringComparer.Ordinal)
            .FirstOrDefault(f => !removals.Contains(f!)) is not { } unknown)
            return;
        throw new BtxException($"{Path.Combine(directory, unknown)}: certifies a removal that {ChangeJournal.FileName} does not have; "
            + "without it the removed experts would be served again: bring the journal back from a copy, or move the certificates away too "
            + $"to serve {ServedForestManifest.FileName} as it is");
    }

    // The journal's own copy, so that a source forest that has grown since does not matter. An export in the same place does.
    private static ForestState BaseOf(string servedDirectory, JournalContents contents)
    {
        if (contents.Base is not { } recorded) return ForestState.Load(servedDirectory);
        var served = ServedForestManifest.Load(servedDirectory, trees: false);
        var same = recorded.SourceSha256 == served.SourceSha256 && recorded.Precision == served.Precision
            && recorded.Architecture == served.Architecture && recorded.Tokenizer == served.Tokenizer
            && recorded.Experts.Select(e => (e.Name, e.Path, e.Sha256))
            .SequenceEqual(served.Experts.Select(e => (e.Name, e.Path, e.Sha256)));
        return same ? recorded : ForestState.Load(servedDirectory);
    }
}

/// <summary>The served forests that bind a forest's weights, as it lists them itself: one file each in <c>FOREST/exports/</c>, which holds
/// an absolute path. The exporter writes it, and a server that opens the served forest, which may have been moved since.</summary>
public static class ServedExports
{
    public const string DirectoryName = "exports";

    public static void Record(string forest, string servedDirectory)
    {
        var path = RealPath.Of(Path.GetFullPath(servedDirectory));
        var file = Path.Combine(forest, DirectoryName, $"{ManifestJson.Hash(Encoding.UTF8.GetBytes(path))[..16]}.txt");
        if (!File.Exists(file)) AtomicFile.WriteText(file, path + "\n");
    }

    public static IReadOnlyList<string> Of(string forest)
    {
        var list = Path.Combine(forest, DirectoryName);
        return !Directory.Exists(list) ? [] : FileErrors.Told<IReadOnlyList<string>>($"{list}: cannot be read", () =>
            [.. Directory.EnumerateFiles(list, "*.txt").Order(StringComparer.Ordinal)
                .Select(f => Encoding.UTF8.GetString(BoundedFile.Read(f, 1 << 13)).TrimEnd('\n'))
                .Where(p => Path.IsPathRooted(p) && File.Exists(Path.Combine(p, ServedForestManifest.FileName)))]);
    }
}
