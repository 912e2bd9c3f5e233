using System.Runtime.InteropServices;
using Btx.Engine.Forests;
using Btx.Engine.Requests;
using Btx.Engine.Tests.Fixtures;
using Btx.Exporter;
using Btx.Fixtures;
using Btx.Model.Forests;
using Btx.Model.Mixing;
using Btx.Model.Tensors;

namespace Btx.Engine.Tests;

/// <summary>Exports in other precisions are served: their log-probabilities are those of fp32 but for rounding, in each kind of session
/// there is.</summary>
public sealed class PrecisionTests(ServedForest forest)
{
    [Theory]
    [InlineData("ensemble", GraphPrecision.Fp16, 0.05)]
    [InlineData("uniform", GraphPrecision.Fp16, 0.05)]
    [InlineData("expert", GraphPrecision.Fp16, 0.05)]
    [InlineData("ensemble", GraphPrecision.Int8, 0.1)]
    [InlineData("uniform", GraphPrecision.Int8, 0.1)]
    [InlineData("expert", GraphPrecision.Int4, 0.6)]
    public async Task Scores_differ_from_fp32_by_rounding_only(string mode, GraphPrecision precision, double most)
    {
        var routing = mode == "expert" ? EngineCalls.Expert("beta")
            : new Routing { Mode = mode == "uniform" ? RoutingMode.Average : RoutingMode.Ensemble };
        using var rounded = new TinyServedForest(new TinyForest(), o => o with { Precision = precision });
        var request = new ScoreRequest([256, 84, 104, 101, 32, 99, 97, 116, 9, 200], routing);
        var expected = await Score(forest.Options, request);
        var scored = await Score(forest.Options with { Directory = rounded.Served, ServesHalfOnCpu = true }, request);
        Assert.NotEqual(expected, scored);
        for (var i = 0; i < expected.Count; i++) Assert.Equal(expected[i], scored[i], most);
    }

    /// <summary>Blocks are made of whatever is stored: half the bytes, or an output layer that is the embedding.</summary>
    [Theory]
    [InlineData(TensorDtype.BF16, false)]
    [InlineData(TensorDtype.F32, true)]
    public async Task Blocks_are_made_of_what_is_stored(TensorDtype stored, bool tied)
    {
        var tiny = new TinyForest { Dtype = stored, Config = TinyForest.DefaultConfig with { TieWordEmbeddings = tied } };
        using var full = new TinyServedForest(tiny);
        using var rounded = new TinyServedForest(tiny, o => o with { Precision = GraphPrecision.Int8 });
        var request = new ScoreRequest([256, 84, 104, 101, 32, 99, 97, 116, 9, 200], new Routing { Mode = RoutingMode.Ensemble });
        var expected = await Score(forest.Options with { Directory = full.Served }, request);
        var scored = await Score(forest.Options with { Directory = rounded.Served }, request);
        Assert.NotEqual(expected, scored);
        for (var i = 0; i < expected.Count; i++) Assert.Equal(expected[i], scored[i], 0.1);
    }

    [Theory]
    [InlineData(Spinning.Step)]
    [InlineData(Spinning.Always)]
    public async Task Threads_that_spin_compute_the_same(Spinning spinning)
    {
        var request = new ScoreRequest([256, 84, 104, 101, 32, 99, 97, 116, 9, 200], EngineCalls.Expert("beta"));
        var options = forest.Options with { IntraOpThreads = 2 };
        Assert.Equal(await Score(options, request), await Score(options with { Spinning = spinning }, request));
    }

    /// <summary>Averages are made of the stored weights and rounded then: to the bit what an expert of those weights is.</summary>
    [Theory]
    [InlineData(GraphPrecision.Int8)]
    [InlineData(GraphPrecision.Int4)]
    public async Task An_average_is_rounded_once(GraphPrecision precision)
    {
        var root = Directory.CreateTempSubdirectory("btx-precision-");
        try
        {
            var (source, served) = (Path.Combine(root.FullName, "forest"), Path.Combine(root.FullName, "served"));
            WithMean(new TinyForest().Write(source), source).Save(source);
            ForestExporter.Export(new() { Forest = source, Out = served, Threads = 1, Precision = precision });
            await using var engine = ForestEngine.Start(forest.Options with { Directory = served });
            var averages = new Dictionary<string, IReadOnlyDictionary<string, double>>
            { ["mean"] = new Dictionary<string, double> { ["alpha"] = 1, ["beta"] = 1 } };
            await engine.SwapAsync(await engine.PrepareAsync(new() { Averages = averages }), InFlightPolicy.Renormalise);
            int[] text = [256, 84, 104, 101, 32, 99, 97, 116, 9, 200];
            var expected = await engine.ScoreAsync(new(text, EngineCalls.Expert("gamma")), TestContext.Current.CancellationToken);
            var average = new Routing { Mode = RoutingMode.Average, AverageName = "mean" };
            Assert.Equal(expected.LogProbs, (await engine.ScoreAsync(new(text, average), TestContext.Current.CancellationToken)).LogProbs);
        }
        finally
        {
            root.Delete(recursive: true);
        }
    }

    // gamma's weights become the mean of alpha's and beta's.
    private static ForestManifest WithMean(ForestManifest forest, string source)
    {
        using var alpha = Checkpoint.Open(Path.Combine(source, forest.Experts[0].Path));
        using var beta = Checkpoint.Open(Path.Combine(source, forest.Experts[1].Path));
        var gamma = Path.Combine(source, forest.Experts[2].Path);
        CheckpointWriter.Write(gamma, alpha.Config, (name, to) =>
        {
            float[] a = new float[to.Length / 4], b = new float[a.Length];
            alpha.CopyTo(name, a);
            beta.CopyTo(name, b);
            for (var i = 0; i < a.Length; i++) a[i] = (float)((0.5 * a[i]) + (0.5 * b[i]));
            MemoryMarshal.AsBytes(a.AsSpan()).CopyTo(to);
        });
        return forest with
        {
            Experts = [forest.Experts[0], forest.Experts[1], forest.Experts[2] with { Sha256 = CheckpointFiles.Hash(gamma) }],
        };
    }

    private static async Task<IReadOnlyList<double>> Score(EngineOptions options, ScoreRequest request)
    {
        await using var engine = ForestEngine.Start(options);
        return [.. (await engine.ScoreAsync(request, TestContext.Current.CancellationToken)).LogProbs.Select(p => (double)p)];
    }
}
