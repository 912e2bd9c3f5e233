using Btx.Cli;
using Btx.LoadTests.Records;
using Btx.LoadTests.Sweeps;
using Btx.V1;

namespace Btx.LoadTests.Quality;

/// <summary>Measures the quality of a sweep's points through its servers, each kind of point once, and keeps what is measured.</summary>
internal sealed class QualityRun(Servers servers, ScoredQuality quality, string file, ProgressItem progress)
{
    /// <exception cref="LoadTestException">A server refuses.</exception>
    public async Task MeasureAsync(IEnumerable<PointSettings> points, CancellationToken cancellation)
    {
        if (File.Exists(file)) quality.TakeOver(RunJson.Read<QualityTable>(file));
        PointSettings[] open = [.. points.Where(p => ServerKey.Of(p) is not null).DistinctBy(QualityKey.Of).Where(p => !quality.Has(p))
            .OrderBy(p => p.Precision, StringComparer.Ordinal)];
        for (var i = 0; i < open.Length; i++)
        {
            var settings = open[i];
            progress.Report(i, $"quality of {QualityKey.Of(settings)}", open.Length);
            var server = await servers.ForAsync(settings.Precision, cancellation).ConfigureAwait(false);
            await quality.MeasureAsync(server.Inference, settings, domain => Routing(settings, domain, server), server.Facts.ContextLength,
                cancellation).ConfigureAwait(false);
            RunJson.Write(file, quality.Table);
            var bits = quality.Table.BitsPerByte[QualityKey.Of(settings)];
            progress.WriteLine($"{i + 1,4}/{open.Length}  quality of {QualityKey.Of(settings),-30} "
                    + $"{string.Join("  ", bits.Select(b => $"{b.Key} {b.Value:0.000}"))} bits per byte");
        }
    }

    private static Routing Routing(PointSettings settings, string domain, LiveServer server)
    {
        var choice = SettingsRouting.Of(settings).For(domain, server.Served);
        var routing = new Routing
        {
            Mode = choice.Mode switch
            {
                "top_k" => Mode.TopK,
                "top_p" => Mode.TopP,
                "average" => Mode.Average,
                "expert" => Mode.Expert,
                "moe" => Mode.Moe,
                _ => Mode.Ensemble
            },
            Expert = choice.Expert ?? "",
            AverageName = choice.Average ?? "",
        };
        if (choice.K is { } k) routing.K = k;
        if (choice.P is { } p) routing.P = p;
        return routing;
    }
}
