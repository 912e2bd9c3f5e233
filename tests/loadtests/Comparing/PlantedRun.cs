using Btx.LoadTests.Records;
using Btx.LoadTests.Tests.Costs;

namespace Btx.LoadTests.Tests.Comparing;

/// <summary>A run's directory whose truth is known; deleted on disposal.</summary>
internal sealed class PlantedRun : IDisposable
{
    public static readonly RunDescription Described = new(Started: new DateTimeOffset(2025, 1, 2, 3, 4, 5, TimeSpan.Zero),
        Command: "btx loadtest sweep", Version: "1.0", Seed: 1,
        Machine: new MachineDescription("a processor", 2, 1L << 34, "an operating system", 0.1),
        Load: new LoadDescription("grpc", "corpus", "64", "32", "2 s", "10 s"));

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("btx-run-");

    public PlantedRun(IEnumerable<PointResult> points, RunDescription? description = null, QualityTable? quality = null)
    {
        RunJson.Write(At(RunDirectory.Description), description ?? Described);
        RunJson.WriteText(At(RunDirectory.Points),
            string.Concat(points.Select(p => System.Text.Json.JsonSerializer.Serialize(p, RunJson.Line) + "\n")));
        if (quality is not null) RunJson.Write(At(RunDirectory.Quality), quality);
    }

    public string Path => _directory.FullName;

    public string At(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>top_k with k = 1 … 4, three repeats each with 1 % noise, and five of a reference point.</summary>
    /// <param name="factor">On the time of each k.</param>
    public static IEnumerable<PointResult> Grid(int seed, Func<int, double>? factor = null, double noise = 0.01, int repeats = 3,
        int failed = 0)
    {
        var normal = Planted.Normal(seed);
        double Step(int k) => (0.002 + (0.003 * k)) * (factor?.Invoke(k) ?? 1) * Math.Exp(noise * normal());
        for (var k = 1; k <= 4; k++)
            for (var r = 0; r < repeats; r++)
                yield return Planted.Point(Planted.Closed("top_k", k), Step(k), r, batch: 1, distinct: k, failed: k == 4 ? failed : 0);
        if (repeats == 1) yield break;
        for (var r = 0; r < 5; r++) yield return Planted.Point(Planted.Closed("top_k", 2), Step(2), repeats + r, reference: true);
    }

    public void Dispose() => _directory.Delete(recursive: true);
}
