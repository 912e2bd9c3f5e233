using Btx.LoadTests.Records;

namespace Btx.LoadTests.Sweeps;

/// <summary>One measurement of a sweep; see <see cref="PointResult"/>.</summary>
internal sealed record PlannedPoint(PointSettings Settings, int Repeat, int Order, bool Reference)
{
    /// <summary>Equal for the same measurement of the same sweep.</summary>
    public string Name => $"{Settings.Name}{(Reference ? "-ref" : "")}-r{Repeat}";

    /// <summary>Of its request records.</summary>
    public string FileName => $"{string.Concat(Name.Select(c => c is '/' or '\\' or ':' || char.IsControl(c) ? '_' : c))}.jsonl";

    public static PlannedPoint Of(PointResult result) => new(result.Settings, result.Repeat, result.Order, result.Reference);
}

/// <summary>
/// The order of a sweep's measurements. Each repeat goes through all points once. In it, points that need the same server process follow
/// each other; the processes are shuffled, and so are the points of each. The reference point comes first, last, and every n points where
/// its own server runs; where another one runs, when that one is done.
/// </summary>
internal static class SweepPlan
{
    /// <param name="reference">One of <paramref name="points"/>.</param>
    /// <param name="referenceEvery">Points between two measurements of it.</param>
    /// <param name="seed">The same seed gives the same order.</param>
    /// <param name="earlier">A plan that has been measured before: orders and the reference point's repeats go on.</param>
    public static IReadOnlyList<PlannedPoint> Of(IReadOnlyList<PointSettings> points, PointSettings reference, int repeats,
        int referenceEvery, int seed, IReadOnlyList<PlannedPoint>? earlier = null)
    {
        var (order, references) = (earlier?.Count ?? 0, earlier?.Count(p => p.Reference) ?? 0);
        var (random, plan, since, home) = (new Random(seed), new List<PlannedPoint>(), 0, ServerKey.Of(reference));
        void Refer()
        {
            plan.Add(new(reference, references++, order + plan.Count, true));
            since = 0;
        }

        Refer();
        for (var repeat = 0; repeat < repeats; repeat++)
        {
            var servers = points.GroupBy(ServerKey.Of).Select(g => g.ToArray()).ToArray();
            random.Shuffle(servers);
            foreach (var group in servers)
            {
                random.Shuffle(group);
                foreach (var settings in group)
                {
                    if (since >= referenceEvery && Equals(ServerKey.Of(settings), home)) Refer();
                    plan.Add(new(settings, repeat, order + plan.Count, false));
                    since++;
                }

                if (since >= referenceEvery) Refer();
            }
        }

        if (since > 0) Refer();
        return plan;
    }
}
