namespace Btx.Bench.Mixture;

/// <summary>Measures every k and the dense model in alternation and says whether both goals are met.</summary>
internal static class Rounds
{
    private const double LeastR2 = 0.98, MostRatio = 1.15;

    public static bool Measure(BenchModels models, BenchOptions o, int threads)
    {
        var loops = new List<IDecodeLoop>();
        IDecodeLoop Open(ServedModel model, int k) => o.ThroughEngine ? new EngineLoop(model, o, threads)
            : new DecodeLoop(model, k, o, threads);
        try
        {
            // One session serves every k where k is an input; otherwise each k has its own.
            for (var k = 1; k <= o.Experts; k++)
                loops.Add(k > 1 && (models.Moe.TakesK || o.ThroughEngine) ? loops[0] : Open(models.Moe, k));
            loops.Add(Open(models.Dense, 1));
            var times = loops.Select(_ => new List<double>()).ToArray();
            var random = new Random(1);
            for (var round = -2; round < o.Rounds; round++)
            {
                int[] order = [.. Enumerable.Range(0, loops.Count)];
                random.Shuffle(order);
                foreach (var i in order)
                {
                    var time = loops[i].Run(i < o.Experts ? i + 1 : 1, o.Steps, random);
                    if (round >= 0) times[i].Add(time); // the first two warm up
                }
            }

            double[] medians = [.. times.Select(Median)];
            var fit = LineFit.Of(medians[..o.Experts]);
            var ratio = Median([.. times[1].Zip(times[^1], (moe, dense) => moe / dense)]);
            Console
                .WriteLine($"threads {threads}: ms a step, k = 1 … {o.Experts}: "
                    + $"{string.Join("  ", medians[..o.Experts].Select(m => $"{m:F2}"))}; dense {medians[^1]:F2}");
            Console
                .WriteLine($"  A = {fit.A:F2} ms, F = {fit.F:F2} ms, R² = {fit.R2:F4} ({(fit.R2 > LeastR2 ? "above" : "NOT above")} "
                    + $"{LeastR2}); k = 2 / dense = {ratio:F3} ({(ratio <= MostRatio ? "at most" : "MORE than")} {MostRatio})");
            double[] fastest = [.. times.Select(t => t.Min())];
            var floor = LineFit.Of(fastest[..o.Experts]);
            Console
                .WriteLine($"  fastest rounds alone, which other processes disturb least: A = {floor.A:F2} ms, F = {floor.F:F2} ms, R² = "
                    + $"{floor.R2:F4}; k = 2 / dense = {fastest[1] / fastest[^1]:F3}");
            return fit.R2 > LeastR2 && ratio <= MostRatio;
        }
        finally
        {
            foreach (var loop in loops.Distinct()) loop.Dispose();
        }
    }

    private static double Median(IReadOnlyCollection<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
