using Btx.LoadTests.Records;

namespace Btx.LoadTests.Sweeps;

/// <summary>
/// The order of a sweep's measurements. Each repeat goes through all points once. In it,
/// points that need the same server process follow each
/// other; the processes are shuffled, and so are the points of each. The reference point
/// comes first, last, and every n points where its own
/// server runs; where another one runs, when that one is done.
/// </summary>
internal static class SweepPlan
{
    /// <param name="reference">One of <paramref name="points"/>.</param>
    /// <param name="referenceEvery">Points between two measurements of it.</param>
    /// <param name="seed">The same seed gives the same order.</param>
    public static IReadOnlyList<PlannedPoint> Of(IReadOnlyList<PointSettings> points, PointSettings reference, int repeats,
        int referenceEvery, int seed) =>
        Of(points, reference, repeats, referenceEvery, new Random(seed), 0, 0);

    /// <summary>A plan that is made when an earlier one has been measured: orders and the reference point's repeats go on.</summary>
    public static IReadOnlyList<PlannedPoint> Following(IReadOnlyList<PlannedPoint> earlier, IReadOnlyList<PointSettings> points,
        PointSettings reference, int repeats, int referenceEvery, int seed) =>
        Of(points, reference, repeats, referenceEvery, new Random(seed), earlier.Count, earlier.Count(p => p.Reference));

    private static List<PlannedPoint> Of(IReadOnlyList<PointSettings> points, PointSettings reference, int repeats, int referenceEvery,
        Random random, int order, int references)
    {
        var plan = new List<PlannedPoint>();
        var since = 0;
        var home = ServerKey.Of(reference);
        void Add(PointSettings settings, int repeat)
        {
            plan.Add(new(settings, repeat, order + plan.Count, false));
            since++;
        }

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
                    Add(settings, repeat);
                }

                if (since >= referenceEvery) Refer();
            }
        }

        if (since > 0) Refer();
        return plan;
    }
}
