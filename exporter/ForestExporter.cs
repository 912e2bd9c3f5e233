using System.Diagnostics;
using Btx.Model.Files;
using Btx.Model.Registry;
using Btx.Model.Serving;

namespace Btx.Exporter;

/// <summary>Turns a forest into a served forest: graphs for its architecture, weights bound where they are or converted, and
/// <c>served.json</c>. Each expert's logits are compared with a plain reference first; a mismatch is not published.</summary>
public static class ForestExporter
{
    private const string WeightFolder = "weights";

    /// <exception cref="BtxException">Anything a user can act on; nothing half-written remains.</exception>
    public static ExportReport Export(ExportOptions options, IProgress<ExportProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        var clock = Stopwatch.StartNew();
        var target = Path.GetFullPath(options.Out);
        using var replaced = ServedDirectory.TakeForest(target);
        if (options.Precision.BlockBits() is not null && (options.GenAI || options.Device.IsCuda))
            throw new BtxException($"--precision {options.Precision.Name()}: a forest is served so on the CPU, by this server alone; leave "
                + (options.GenAI ? "--genai out" : "--device cuda out") + ", or take fp32 or fp16");
        DeviceSessions.Options(options.Device, options.Threads).Dispose();
        using var forest = SourceForest.Open(options.Forest, options.Experts);
        int done = 0, total = 1 + (3 * forest.Experts.Count);
        void Doing(string what) => progress?.Report(new ExportProgress(done++, total, what));

        return FileErrors.Told($"--out {options.Out}: cannot be written", () =>
        {
            using var directory = new AtomicDirectory(target);
            Doing("writing graphs");
            var config = forest.Experts[0].Checkpoint.Config;
            var graphs = GraphFolder.Write(directory.Building, config, options.Precision,
                (form, weights) => LlamaGraph.Build(config, form, options.Precision, weights));
            var experts = new List<ServedExpert>();
            foreach (var expert in forest.Experts)
            {
                cancellation.ThrowIfCancellationRequested();
                Doing($"{expert.Entry.Name}: hashing weights");
                SourceForest.CheckHash(expert);
                Doing($"{expert.Entry.Name}: weights");
                var served = Place(expert, directory.Building, options, cancellation);
                Doing($"{expert.Entry.Name}: checking logits");
                experts.Add(Checked(expert, served, directory.Building, options, cancellation));
            }

            var manifest = new ServedForestManifest
            {
                Source = Path.GetRelativePath(target, forest.DirectoryPath),
                SourceSha256 = forest.Manifest.Hash(),
                Precision = options.Precision.Name(),
                Architecture = forest.Manifest.Architecture,
                Tokenizer = forest.Manifest.Tokenizer,
                Graphs = graphs,
                Experts = experts,
            };
            manifest.Save(directory.Building);
            cancellation.ThrowIfCancellationRequested();
            ServedDirectory.RequireNoHistory(target);
            var note = Record(forest.DirectoryPath, target);
            directory.Commit();
            progress?.Report(new ExportProgress(total, total, "done"));
            var largest = experts.Max(e => e.MaxRelativeDifference);
            return new ExportReport(target, manifest, options.Precision.Tolerance(), largest, clock.Elapsed.TotalSeconds, note);
        });
    }

    // A forest that cannot be written is exported all the same: a purge could not delete from it either.
    private static string? Record(string forest, string target)
    {
        try
        {
            ServedExports.Record(forest, target);
            return null;
        }
        catch (BtxException e)
        {
            return $"{e.Message}; a purge through another served forest of it will not know of this one";
        }
    }

    /// <summary>Binds the weights where they are if their dtype fits and nobody asks for a copy; otherwise writes new ones. Blocks are made
    /// by the server when it loads: averages, and what is removed, have one source.</summary>
    private static ServedExpert Place(SourceExpert expert, string building, ExportOptions options, CancellationToken cancellation)
    {
        var served = new ServedExpert
        {
            Name = expert.Entry.Name,
            Domain = expert.Entry.Domain,
            Path = expert.Entry.Path,
            Sha256 = expert.Entry.Sha256
        };
        if (!options.CopyWeights && !options.GenAI
            && (options.Precision.BlockBits() is not null || WeightDirectory.CanBind(expert.Checkpoint, options.Precision))) return served;
        var directory = Path.Combine(building, WeightFolder, expert.Entry.Name);
        WeightDirectory.Write(expert.Checkpoint, options.Precision, directory, cancellation);
        if (options.GenAI) GenAIModel.Write(directory, options.Precision);
        return served with { Path = $"{WeightFolder}/{expert.Entry.Name}", InSource = false, Sha256 = CheckpointFiles.Hash(directory) };
    }

    private static ServedExpert Checked(SourceExpert expert, ServedExpert served, string building, ExportOptions options,
        CancellationToken cancellation)
    {
        expert.Checkpoint.CheckFinite(cancellation); // or the graph, which gives no number then, would seem to be at fault
        var graphs = Path.Combine(building, GraphFolder.Name);
        using var converted = served.InSource ? null : Checkpoint.Open(Path.Combine(building, served.Path));
        var checkpoint = converted ?? expert.Checkpoint;
        using var blocks = options.Precision.BlockBits() is { } bits ? new BlockFile(checkpoint, bits, building, cancellation) : null;
        using var weights = blocks is null ? new CheckedWeights(checkpoint, options.Precision, options.Device)
            : new CheckedWeights(checkpoint.Config, blocks.File, options.Precision);
        var config = expert.Checkpoint.Config;
        var tokens = CheckPlan.Tokens(config.VocabSize, config.MaxPositionEmbeddings);
        var read = blocks?.Read ?? PlainLlama.Reader(expert.Checkpoint);
        var reference = new PlainRun(tokens, [], PlainLlama.Dense(config, read, tokens, cancellation), [], []);
        var check = new GraphCheck(config, options.Precision, form => weights.Open(graphs, form, options.Threads));
        var difference = check.LargestDifference(reference, cancellation);
        options.Precision.RequireTolerable(difference, $"expert \"{served.Name}\"");
        if (blocks is null) return served with { MaxRelativeDifference = difference };
        using var session = weights.Open(graphs, GraphForm.Ragged(1), options.Threads);
        var loss = QualityLoss.Of(expert.Checkpoint, options.Precision, session,
            tokens => PlainLlama.Logits(expert.Checkpoint, tokens, cancellation));
        return served with { MaxRelativeDifference = difference, QuantisationLoss = loss.Nats };
    }
}
