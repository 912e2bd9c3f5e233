using Btx.Model;
using Btx.Model.Files;
using Btx.Model.Forests;
using Btx.Model.Moe;
using Btx.Model.Registry;
using Btx.Model.Serving;
using Btx.Model.Tensors;

namespace Btx.Forest;

/// <summary>Where the members of a mixture lie.</summary>
/// <param name="forest">Directory of the served forest.</param>
/// <param name="after">The state to mix for.</param>
/// <param name="present">Directory of the served BTX model.</param>
/// <param name="moe">Its manifest.</param>
internal sealed class MemberSources(string forest, ForestState after, string present, ServedMoeManifest moe)
{
    private readonly ServedForestManifest served = ServedForestManifest.Load(forest);

    /// <summary>A member of the present model that stays: the forest's own checkpoint of it, or the one that the server reads.</summary>
    /// <exception cref="BtxException">The forest has no such weights.</exception>
    public string Of(BtxExpert member)
    {
        var registered = after.Expert(member.Name);
        if (registered.Sha256 == member.Sha256) return registered.Directory(forest, served);
        var source = served.SourceDirectory(forest); // a forest served in another precision than it is stored in
        if (File.Exists(Path.Combine(source, ForestManifest.FileName))
            && ForestManifest.Load(source).Experts.FirstOrDefault(e => e.Name == member.Name && e.Sha256 == member.Sha256) is { } stored)
            return ContainedPath.Resolve(source, stored.Path, ForestManifest.FileName);
        throw new BtxException($"{present}: expert \"{member.Name}\" of the BTX model was mixed from other weights than the forest's "
            + "(SHA-256 differs); mix the forest's experts with `btx train mix` and export them");
    }

    /// <summary>The seed, which no forest lists.</summary>
    /// <exception cref="BtxException">It is not where it was.</exception>
    public string OfSeed(BtxExpert seed, ServedMoeExpert listed)
    {
        string[] places = [.. new[] { listed.Source is { } relative ? Path.GetFullPath(Path.Combine(Path.GetFullPath(present), relative))
            : null, seed.Source }.OfType<string>().Distinct()];
        return places.FirstOrDefault(Directory.Exists)
            ?? throw new BtxException($"{places[0]}: not found; it is the model of expert \"{seed.Name}\" of the BTX model {present}, "
                + "without which that cannot be mixed anew; put it back");
    }

    /// <summary>An expert that joins.</summary>
    /// <exception cref="BtxException">It has no router statistics, or they are of other weights.</exception>
    public RemixMember Of(ExpertAddition added)
    {
        var registered = after.Expert(added.Name);
        var file = StatisticsFile(added);
        var same = Path.GetFullPath(added.Directory) == Path.TrimEndingDirectorySeparator(registered.Directory(forest, served));
        var sha256 = same ? registered.Sha256 : CheckpointFiles.Hash(added.Directory);
        Require(file, d => d.Sha256 == sha256, $"of the weights in {added.Directory}; `btx train mix --experts {added.Name}` makes them");
        return new(
            new BtxExpert
            {
                Name = added.Name,
                Domain = registered.Domain,
                Sha256 = sha256,
                Parents = registered.Parents,
                CorpusSha256 = registered.CorpusSha256,
                Tokens = registered.Tokens,
                Steps = registered.Steps,
            },
            Path.GetFullPath(added.Directory), file);
    }

    /// <exception cref="BtxException">The file is missing, or lacks a member.</exception>
    public void RequireStatistics(string file, IEnumerable<RemixMember> members)
    {
        if (!File.Exists(file))
            throw new BtxException($"{file}: not found, though {Path.Combine(present, ServedMoeManifest.FileName)} records it "
                + $"({moe.RouterStatisticsSha256![..12]}…); export again");
        foreach (var member in members)
            Require(file, d => d.Expert == member.Expert.Name && d.Sha256
                == member.Expert.Sha256, $"of expert \"{member.Expert.Name}\" with the weights that were mixed; mix and export again");
    }

    // Reads the header alone.
    private static void Require(string file, Func<DomainStatistics, bool> fits, string what)
    {
        var (found, names) = (false, new List<string>());
        var header = RouterStatistics.Load(file, d =>
        {
            found |= fits(d);
            names.Add(d.Expert);
            return false;
        });
        if (header.Form != HiddenStateForm.Own)
            throw new BtxException($"{file}: holds {BtxException.OneLine(header.Form)} states, on which every expert left its mark; "
                + $"expected {HiddenStateForm.Own}");
        if (!found) throw new BtxException($"{file}: has statistics of {BtxException.OneLine(string.Join(", ", names))}, none {what}");
    }

    private static string StatisticsFile(ExpertAddition added)
    {
        var directory = added.RouterStatistics ?? added.Directory;
        string[] places = [Path.Combine(directory, RouterStatistics.FileName),
            Path.Combine(directory, Path.GetFileName(RouterStatistics.FileName))];
        return places.FirstOrDefault(File.Exists) ?? throw new BtxException(
            $"{places[0]}: not found; without router statistics expert \"{added.Name}\" cannot join the BTX model; `btx train mix "
                + $"--forest F --experts {added.Name} --corpus C --out DIR` makes them, --router-statistics DIR names them");
    }
}
