namespace Btx.Forest;

/// <summary>What a served BTX model is re-mixed of: decided from manifests, no weights are read.</summary>
/// <param name="Members">By index; the seed, if the model has one, is the last.</param>
/// <param name="Without">Names that <c>btx.json</c> will list as left out.</param>
internal sealed record RemixPlan(ServedMoeManifest Present, BtxManifest Lineage, string Statistics, IReadOnlyList<RemixMember> Members,
    BtxRouter Router, IReadOnlyList<string> Without, bool Adds)
{
    public static RemixPlan Of(string forest, ForestState after, string present, ExpertAddition? added)
    {
        var (served, lineage) = Read(present);
        var sources = new MemberSources(forest, after, present, served);
        var statistics = Path.Combine(present, RouterStatistics.FileName);
        List<RemixMember> members = [.. lineage.Experts.Where(e => e.Source is null && Stays(e))
            .Select(e => new RemixMember(e, sources.Of(e), statistics))];
        sources.RequireStatistics(statistics, members);
        if (added is not null && members.All(m => m.Expert.Name != added.Name)) members.Add(sources.Of(added));
        if (members.Count == 0) throw new BtxException($"{present}: no expert of the BTX model is left");
        members.AddRange(lineage.Experts.Select((e, i) => (Expert: e, i)).Where(e => e.Expert.Source is not null)
            .Select(e => new RemixMember(e.Expert, sources.OfSeed(e.Expert, served.Experts[e.i]), null)));
        if (members.GroupBy(m => m.Expert.Name).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new BtxException($"{present}: the BTX model has an expert named \"{twice.Key}\" already; choose another --name");
        if (members.Count > MoeConfig.MaxExperts)
            throw new BtxException($"{present}: {members.Count} experts; a BTX model has at most {MoeConfig.MaxExperts}");
        var names = members.Select(m => m.Expert.Name).ToHashSet(StringComparer.Ordinal);
        return new(
            served, lineage, statistics, members, Route(lineage, members.Count),
            [.. lineage.Without.Concat(lineage.Experts.Select(e => e.Name)).Where(n => !names.Contains(n)).Distinct()], added is not null);

        bool Stays(BtxExpert expert)
        {
            if (after.Experts.FirstOrDefault(e => e.Name == expert.Name) is { } registered) return after.Ready.Contains(registered);
            return after.Absent.Any(a => a.Name == expert.Name && a.RemovedIn is not null)
                ? false
                : throw new BtxException($"{present}: expert \"{expert.Name}\" of the BTX model is none of the served forest's, so the "
                    + "model cannot be re-mixed; mix that forest's experts with `btx train mix` and export them");
        }
    }

    /// <summary>The k for which graphs are made; null: k is an input of the graphs.</summary>
    public IReadOnlyList<int>? Counts => Present.Graphs.All(g => g.ExpertsPerToken is null)
        ? null
        : [.. Present.Graphs.Select(g => g.ExpertsPerToken!.Value).Where(k => k <= Members.Count && Router.Kind != RouterKind.Soft)
        .Append(Router.ExpertsPerToken).Distinct().Order()];

    private static (ServedMoeManifest Served, BtxManifest Lineage) Read(string present)
    {
        var served = ServedMoeManifest.Load(present);
        if (served.RouterStatisticsSha256 is null || !BtxManifest.Exists(present))
            throw new BtxException($"{present}: the BTX model was exported without router statistics, so it cannot be re-mixed; mix it "
                + "with --corpus if that was not done, and export it again");
        var lineage = BtxManifest.Load(present);
        return lineage.Sha256 == served.SourceSha256
            && lineage.Experts.Select(e => e.Name).SequenceEqual(served.Experts.Select(e => e.Name))
            ? (served, lineage)
            : throw new BtxException($"{Path.Combine(present, BtxManifest.FileName)}: describes another model than "
                + $"{ServedMoeManifest.FileName} beside it; export again");
    }

    // As the model was made: k is cut to the number of experts, as `btx train mix` does.
    private static BtxRouter Route(BtxManifest lineage, int experts)
    {
        var router = lineage.Router;
        var init = router.Init == RouterInit.Centroid ? RouterInit.Centroid : RouterInit.Ridge;
        var k = lineage.Experts.Count == 1 ? 2 : router.ExpertsPerToken;
        return router with
        {
            ExpertsPerToken = RouterKind.ExpertsPerToken(router.Kind, Math.Min(k, experts), experts),
            Init = init,
            RidgeLambda = init == RouterInit.Ridge ? router.RidgeLambda ?? RidgeRouter.DefaultLambda : null,
        };
    }
}

/// <summary>A model whose feed-forwards become one expert of the re-mixed model.</summary>
/// <param name="Expert">What <c>btx.json</c> will say of it; its hash is that of the weights in <paramref name="Directory"/>.</param>
/// <param name="Statistics">File with the hidden states on its domain's text; null: it stands for no domain (the seed).</param>
internal sealed record RemixMember(BtxExpert Expert, string Directory, string? Statistics);

/// <summary>Where the members of a BTX model lie.</summary>
internal sealed class MemberSources(string forest, ForestState after, string present, ServedMoeManifest moe)
{
    private readonly ServedForestManifest served = ServedForestManifest.Load(forest);

    /// <summary>A member of the present model that stays: the forest's own checkpoint of it, or the one that the server reads.</summary>
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
    public string OfSeed(BtxExpert seed, ServedMoeExpert listed)
    {
        string[] places = [.. new[] { listed.Source is { } relative ? Path.GetFullPath(Path.Combine(Path.GetFullPath(present), relative))
            : null, seed.Source }.OfType<string>().Distinct()];
        return places.FirstOrDefault(Directory.Exists)
            ?? throw new BtxException($"{places[0]}: not found; it is the model of expert \"{seed.Name}\" of the BTX model {present}, "
                + "without which that cannot be re-mixed; put it back");
    }

    /// <summary>An expert that joins.</summary>
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
