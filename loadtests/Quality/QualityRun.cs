using Btx.Cli;
using Btx.LoadTests.Clients;
using Btx.LoadTests.Records;
using Btx.LoadTests.Sweeps;

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
            var choice = RoutingChoice.Of(settings);
            await quality.MeasureAsync(server.Client.Inference, settings, domain => GrpcClient.Routing(choice.For(domain, server.Facts)),
                server.Facts.ContextLength, cancellation).ConfigureAwait(false);
            RunJson.Write(file, quality.Table);
            var bits = quality.Table.BitsPerByte[QualityKey.Of(settings)];
            progress.WriteLine($"{i + 1,4}/{open.Length}  quality of {QualityKey.Of(settings),-30} "
                    + $"{string.Join("  ", bits.Select(b => $"{b.Key} {b.Value:0.000}"))} bits per byte");
        }
    }
}
