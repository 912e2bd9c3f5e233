using System.Diagnostics;
using Btx.Model.Files;
using Btx.Model.Moe;
using Btx.Model.Serving;
using Btx.Model.Tokens;

namespace Btx.Exporter;

/// <summary>Turns a BTX model (any Mixtral directory) into a served one: graphs, weights bound where they are or converted, the config and
/// tokenizer, and <c>served-btx.json</c>. Logits and gates are compared with a plain reference first; a mismatch is not
/// published.</summary>
public static class MoeExporter
{
    private const string WeightFile = "weights/model.safetensors";

    /// <exception cref="BtxException">Anything a user can act on; nothing half-written remains.</exception>
    public static MoeExportReport Export(MoeExportOptions options, IProgress<ExportProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        var clock = Stopwatch.StartNew();
        var target = Path.GetFullPath(options.Out);
        ServedDirectory.CheckTarget(target, ServedMoeManifest.FileName, "served BTX model");
        var form = options.Form ?? (options.Device.IsCuda ? MoeForm.Fused : MoeForm.Gathered);
        if (form == MoeForm.Fused && options.Precision.BlockBits() is not null)
            throw new BtxException($"--precision {options.Precision.Name()}: the fused experts (--form moe-op, and "
                + "--device cuda) are served in fp32 or fp16");
        DeviceSessions.Options(options.Device, options.Threads).Dispose();
        var done = 0;
        void Doing(string what) => progress?.Report(new ExportProgress(done++, 5, what));

        Doing("reading the model");
        using var source = SourceMoe.Open(options.Model);
        var counts = Counts(options, source, form);
        return FileErrors.Told($"--out {options.Out}: cannot be written", () =>
        {
            source.Checkpoint.CheckFinite(cancellation);
            cancellation.ThrowIfCancellationRequested();
            using var directory = new AtomicDirectory(target);
            Doing("writing graphs");
            List<ServedGraph> graphs = [.. counts.SelectMany(k =>
                GraphFolder.Write(directory.Building, source.Config, options.Precision, Graph(source, options.Precision, k), k))];
            Doing("weights");
            var weights = Place(source, directory.Building, options, form, cancellation);
            source.Config.Save(directory.Building);
            TokenizerFiles.Copy(source.Checkpoint.DirectoryPath, directory.Building);
            var statistics = CarryLineage(source, directory.Building);
            Doing("checking logits");
            using var converted = weights[0].InSource ? null : SafetensorsFile.Open(Path.Combine(directory.Building, weights[0].Path));
            var check = new MoeCheck(source, converted is null ? source.Checkpoint.Files : [converted],
                Path.Combine(directory.Building, GraphFolder.Name), options, k => Graph(source, options.Precision, k));
            var difference = counts.Max(k => check.LargestDifference(k, cancellation));
            options.Precision.RequireTolerable(difference, options.Model);
            Doing("measuring what the precision costs");
            var loss = options.Precision == GraphPrecision.Fp32 ? default : check.Loss(counts[0], cancellation);
            var manifest = new ServedMoeManifest
            {
                Source = Path.GetRelativePath(target, source.Checkpoint.DirectoryPath),
                SourceSha256 = source.Manifest.Sha256,
                Precision = options.Precision.Name(),
                Architecture = source.Manifest.Architecture,
                Tokenizer = source.Manifest.Tokenizer,
                Graphs = graphs,
                Weights = weights,
                Experts = [.. source.Manifest.Experts.Select(e =>
                    new ServedMoeExpert(e.Name, e.Domain, e.Source is { } own ? Path.GetRelativePath(target, own) : null))],
                Router = source.Manifest.Router,
                RouterStatisticsSha256 = statistics,
                MaxRelativeDifference = difference,
                QuantisationLoss = loss.Nats,
            };
            manifest.Save(directory.Building);
            cancellation.ThrowIfCancellationRequested();
            directory.Commit();
            progress?.Report(new ExportProgress(5, 5, "done"));
            return new MoeExportReport(target, manifest, options.Precision.Tolerance(), loss.BitsPerByte, clock.Elapsed.TotalSeconds);
        });
    }

    /// <returns>The k that are built into graphs, in rising order; one null where k is an input.</returns>
    private static IReadOnlyList<int?> Counts(MoeExportOptions options, SourceMoe source, MoeForm form)
    {
        if (form == MoeForm.Gathered)
        {
            if (options.ExpertsPerToken is not null)
                throw new BtxException(
                    "--experts-per-token: only for --form moe-op (or --device cuda); otherwise k is an input of the graph");
            return [null];
        }

        int[] counts = [.. (options.ExpertsPerToken ?? [source.Manifest.Router.ExpertsPerToken]).Distinct().Order()];
        if (counts.Length == 0) throw new BtxException("--experts-per-token: is empty; name one or more, as in 1,2");
        if (counts.FirstOrDefault(k => k < 1 || k > source.Moe.Experts, 1) is var bad && (bad < 1 || bad > source.Moe.Experts))
            throw new BtxException($"--experts-per-token {bad}: the model has {source.Moe.Experts} experts; use 1..{source.Moe.Experts}");
        return [.. counts.Select(k => (int?)k)];
    }

    private static GraphSource Graph(SourceMoe source, GraphPrecision precision, int? k) => (form, weights) =>
    {
        var soft = source.Manifest.Router.SoftLayers;
        FeedForward feedForward = k is { } fixedK ? new FusedExperts(source.Config, form, fixedK, soft).Add
            : new RoutedExperts(source.Config, form, precision, soft).Add;
        return LlamaGraph.Build(source.Config, form, precision, weights, feedForward);
    };

    private static List<ServedWeights> Place(SourceMoe source, string building, MoeExportOptions options, MoeForm form,
        CancellationToken cancellation)
    {
        if (!options.CopyWeights && MoeLayout.IsSource(source, options.Precision, form))
            return [.. source.Checkpoint.Files.Select(f => new ServedWeights { Path = Path.GetFileName(f.Path), Sha256 = Hash(f.Path) })];
        var path = Path.Combine(building, WeightFile);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        StoredTensor.Write(path, [.. MoeLayout.Tensors(source, options.Precision, form)], cancellation);
        return [new ServedWeights { Path = WeightFile, InSource = false, Sha256 = Hash(path) }];
    }

    /// <summary>Puts beside the graphs what mixing it again with other experts needs: which weights were mixed, and the statistics that
    /// routers are fitted to.</summary>
    /// <returns>The statistics' hash; null: the model has none.</returns>
    private static string? CarryLineage(SourceMoe source, string building)
    {
        foreach (var file in (string[])[BtxManifest.FileName, RouterStatistics.FileName])
            AtomicFile.CopyIfThere(Path.Combine(source.Checkpoint.DirectoryPath, file), Path.Combine(building, file));
        var statistics = Path.Combine(building, RouterStatistics.FileName);
        return File.Exists(statistics) ? Hash(statistics) : null;
    }

    private static string Hash(string path) => CheckpointFiles.HashFiles([path], CancellationToken.None);
}
