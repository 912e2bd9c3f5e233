using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Moe;
using Btx.Model.Registry;
using Btx.Model.Serving;

namespace Btx.Forest;

/// <summary>What a served BTX model is mixed of anew: decided from manifests, no weights are read.</summary>
/// <param name="Members">By index; the seed, if the model has one, is the last.</param>
/// <param name="Statistics">The present model's.</param>
/// <param name="Without">Names that <c>btx.json</c> will list as left out.</param>
internal sealed record RemixPlan(
    ServedMoeManifest Present, BtxManifest Lineage, string Statistics, IReadOnlyList<RemixMember> Members, BtxRouter Router,
    IReadOnlyList<string> Without, bool Adds)
{
    /// <param name="forest">Directory of the served forest.</param>
    /// <param name="after"><inheritdoc cref="IMoeRemix.Obstacle" path="/param[@name='after']"/></param>
    /// <param name="present"><inheritdoc cref="IMoeRemix.Obstacle" path="/param[@name='presentMixture']"/></param>
    /// <param name="added"><inheritdoc cref="IMoeRemix.Obstacle" path="/param[@name='added']"/></param>
    /// <exception cref="BtxException">It cannot be mixed anew, and why.</exception>
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
                    + "model cannot be mixed anew; mix that forest's experts with `btx train mix` and export them");
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
            throw new BtxException($"{present}: the BTX model was exported without router statistics, so it cannot be mixed anew; mix it "
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
