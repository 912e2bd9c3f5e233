using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Btx.Cli;
using Btx.Engine;
using Btx.Engine.Requests;
using Btx.Exporter;
using Btx.Fixtures;
using Btx.Forest;
using Btx.Model.Forests;
using Btx.Model.Mixing;
using Btx.Model.Moe;
using Btx.Model.Registry;
using Btx.Trainer.Corpora;
using Btx.Trainer.Moe;
using static Btx.House.Tests.Exactness.LogitParity;

namespace Btx.House.Tests.Exactness;

/// <summary>A BTX model that the server mixes again is the one that `btx train mix` and `btx export` make of the same experts, to the bit,
/// and answers as the trainer's network does.</summary>
public sealed class RemixAgainstTrainerTests : IDisposable
{
    private static readonly string[] Experts = ["alpha", "gamma", "beta"];
    private static readonly int[] Tokens = [256, .. Enumerable.Range(0, 39).Select(i => (i * 61 + (i * i * 7)) % 320)];

    private readonly DirectoryInfo root = Directory.CreateTempSubdirectory("btx-remix-");

    public RemixAgainstTrainerTests()
    {
        var tiny = new TinyForest
        {
            Config = TinyForest.DefaultConfig with
            {
                HiddenSize = 32,
                IntermediateSize = 48,
                NumAttentionHeads = 2,
                NumKeyValueHeads = 1
            }
        };
        tiny.Write(At("forest"));
        tiny.WriteExpert(At("seed"), 99);
        Directory.CreateDirectory(At("corpus"));
        new CorpusManifest(CorpusManifest.CurrentSchema, [.. Experts.Select(Domain)]).Write(At("corpus"));
        ForestExporter.Export(new ExportOptions { Forest = At("forest"), Out = At("served"), Threads = 1 });
    }

    private static CancellationToken None => TestContext.Current.CancellationToken;

    private MixRequest Request => new()
    {
        Forest = At("forest"),
        Corpus = At("corpus"),
        Output = At("mix"),
        Experts = Experts,
        Seed = At("seed"),
        States = HiddenStateForm.Own,
        TokensPerDomain = 1500,
        RidgeLambda = 0.02
    };

    public void Dispose() => root.Delete(recursive: true);

    [Fact]
    public async Task An_expert_leaves_and_comes_back()
    {
        Mix(Request);
        Mix(Request with { Without = ["beta"], Corpus = null, States = null, Statistics = At("mix"), Output = At("without") });
        foreach (var model in (string[])["mix", "without"])
            MoeExporter.Export(new MoeExportOptions { Model = At(model), Out = At($"{model}-served"), Threads = 1 });
        var options = new EngineOptions { Directory = At("served"), Threads = 1, Slots = 2 };
        var remix = new MoeRemix(options, typeof(MoeExporter).Assembly.Location);
        var state = ForestState.Load(At("served"));
        var removed = state.Without(["beta"]);
        var anew = await remix.MixAsync(removed, At("mix-served"), At("anew"), null, null, None);
        foreach (var file in (string[])["model.safetensors", "config.json", "tokenizer.json", "btx.json", "router/statistics.safetensors"])
            Same($"without/{file}", $"anew/model/{file}");
        foreach (var file in Directory.EnumerateFiles(At("without-served/graphs")))
            Same($"without-served/graphs/{Path.GetFileName(file)}", $"anew/graphs/{Path.GetFileName(file)}");

        await using (var engine = ForestEngine.Start(options with { Moe = anew }))
        {
            foreach (var k in (int[])[1, 2, 3])
            {
                var scored = await engine.ScoreAsync(new ScoreRequest(Tokens, new Routing { Mode = RoutingMode.Moe, K = k }), None);
                var rows = TorchLogits(At("without"), Tokens, k).Chunk(320).ToArray();
                float[] expected = [.. Enumerable.Range(0, Tokens.Length - 1).Select(t =>
                    (float)(rows[t][Tokens[t + 1]] - rows[t].Max() - Math.Log(rows[t].Sum(v => Math.Exp(v - rows[t].Max())))))];
                AssertClose(expected, [.. scored.LogProbs.Select(p => (float)p)], $"k = {k}");
            }
        }

        // As documented: a mix of the expert alone leaves its statistics.
        Mix(Request with { Experts = ["beta"], Seed = null, States = null, Output = At("beta-alone") });
        var entry = ForestManifest.Load(At("forest")).Expert("beta");
        var after = removed.WithExpert(new RegisteredExpert
        {
            Name = "beta",
            Domain = "beta",
            Path = At("forest/experts/beta"),
            Root = ExpertRoot.External,
            Sha256 = entry.Sha256,
            Tokens = entry.Tokens,
            Steps = entry.Steps
        });
        var added = new ExpertAddition
        {
            By = new("tester", "test"),
            Name = "beta",
            Directory = At("forest/experts/beta"),
            RouterStatistics = At("beta-alone")
        };
        await remix.MixAsync(after, anew, At("again"), added, null, None);
        foreach (var file in (string[])["model.safetensors", "config.json", "router/statistics.safetensors"])
            Same($"mix/{file}", $"again/model/{file}");
        Assert.Equal(BtxManifest.Load(At("mix")).Experts.Select(e => (e.Name, e.Sha256, e.Source)),
            BtxManifest.Load(At("again")).Experts.Select(e => (e.Name, e.Sha256, e.Source)));
    }

    private string At(string name) => Path.Combine(root.FullName, name);

    private void Same(string expected, string actual) => Assert.Equal(File.ReadAllBytes(At(expected)), File.ReadAllBytes(At(actual)));

    private static void Mix(MixRequest request)
    {
        using var display = new ProgressDisplay(TextWriter.Null, TextWriter.Null);
        new MixRun(request, display).Execute(None);
    }

    // Each domain has its own letters.
    private CorpusDomain Domain(string name, int index)
    {
        var random = new Random(index);
        string Word() => new([.. Enumerable.Range(0, random.Next(2, 7)).Select(_ => (char)('a' + (index * 8) + random.Next(8)))]);
        CorpusShard Shard(CorpusSplit split, int documents)
        {
            var path = $"{name}/{split.ToString().ToLowerInvariant()}.jsonl";
            string[] texts = [.. Enumerable.Range(0, documents).Select(_ => string.Join(' ', Enumerable.Range(0, 60).Select(_ => Word())))];
            var bytes = Encoding.UTF8.GetBytes(string.Concat(texts.Select((
                text, i) => JsonSerializer.Serialize(new { id = $"{split}-{i}", text }) + "\n")));
            Directory.CreateDirectory(At($"corpus/{name}"));
            File.WriteAllBytes(At($"corpus/{path}"), bytes);
            return new CorpusShard(path, documents, texts.Sum(Encoding.UTF8.GetByteCount), bytes.Length,
                Convert.ToHexStringLower(SHA256.HashData(bytes)));
        }

        var (train, validation, test) = (Shard(CorpusSplit.Train, 20), Shard(CorpusSplit.Validation, 4), Shard(CorpusSplit.Test, 2));
        return new CorpusDomain(name, CorpusRole.Train, [new CorpusSource("folder", name, "", "")], "none", 1, null, 26,
            train.Bytes + validation.Bytes + test.Bytes, train, validation, test);
    }
}
