using System.Runtime.InteropServices;
using Btx.Exporter.Graphs;
using Btx.Exporter.Moe;
using Btx.Exporter.Sessions;
using Btx.Exporter.Weights;
using Btx.Model.Tensors;
using Btx.Model.Tokens;

namespace Btx.Exporter.Checking;

/// <summary>Compares the graphs of a served mixture with <see cref="PlainMixtral"/>, and measures what its precision costs.</summary>
/// <param name="files">The weights as they will be served.</param>
/// <param name="graphs">Directory of the graphs.</param>
/// <param name="graph">Builds the graphs of a k; null where it is an input.</param>
internal sealed class MoeCheck(SourceMoe source, IReadOnlyList<SafetensorsFile> files, string graphs, MoeExportOptions options,
    Func<int?, GraphSource> graph)
{
    /// <summary>Where k is an input, the tokens take every k in turn.</summary>
    /// <returns>See <see cref="GraphCheck.LargestDifference"/>; the reference reads the checkpoint,
    /// but for blocks, which it dequantises.</returns>
    public double LargestDifference(int? k, CancellationToken cancellation)
    {
        var (c, n) = (source.Config, source.Moe.Experts);
        var reference = new PlainMixtral(c, Served, source.Manifest.Router.SoftLayers);
        var run = CheckPlan.Run(reference, c.VocabSize, c.MaxPositionEmbeddings, t => k ?? 1 + (t % n), options.Precision.Tolerance(),
            cancellation);
        using var weights = Weights(k);
        return new GraphCheck(c, options.Precision, form => weights.Open(graphs, form, options.Threads, k)).LargestDifference(run,
            cancellation);
    }

    /// <summary>What the served weights lose against the stored ones at the router's own k.</summary>
    public QualityLoss Loss(int? k, CancellationToken cancellation)
    {
        var c = source.Config;
        var tokenizer = TextTokenizer.Load(source.Checkpoint.DirectoryPath);
        var tokens = QualityLoss.Tokens(tokenizer, c.MaxPositionEmbeddings);
        var taken = k ?? source.Manifest.Router.ExpertsPerToken;
        var stored = new PlainMixtral(c, PlainLlama.Reader(source.Checkpoint), source.Manifest.Router.SoftLayers).Run(tokens,
            [.. tokens.Select(_ => taken)], cancellation);
        using var weights = Weights(k);
        using var session = weights.Open(graphs, GraphForm.Ragged(1), options.Threads, k);
        using var slots = new KvSlots(c, 1, tokens.Length, options.Precision);
        var runner = new GraphRunner(session, c, slots) { ExpertsPerToken = _ => taken };
        var logits = runner.Ragged([new RaggedRow(0, 0, tokens)], [.. Enumerable.Range(0, tokens.Length).Select(i => (long)i)]);
        return QualityLoss.Of(tokenizer, tokens, stored.Logits, [.. logits.Chunk(c.VocabSize)]);
    }

    private CheckedWeights Weights(int? k) => new(source.Config, files, null, graph(k), options.Precision, options.Device);

    /// <summary>A weight of the checkpoint; one that is served in blocks as these say.</summary>
    private unsafe float[] Served(string name)
    {
        if (files.FirstOrDefault(f => f.Tensors.ContainsKey(BlockLayout.Codes(name))) is not { } blocks)
            return PlainLlama.Reader(source.Checkpoint)(name);
        TensorInfo codes = blocks[BlockLayout.Codes(name)], scales = blocks[BlockLayout.Scales(name)];
        var shape = source.Config.TensorShapes().First(t => t.Name == name).Shape;
        return BlockQuantiser.Dequantise(
            new BlockLayout(shape[0], shape[1], options.Precision.BlockBits()!.Value),
            new ReadOnlySpan<byte>(blocks.Pointer(codes), checked((int)codes.Length)),
                new ReadOnlySpan<float>(blocks.Pointer(scales), checked((int)scales.ElementCount)));
    }
}
