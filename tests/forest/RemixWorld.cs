using Btx.Engine;
using Btx.Exporter;
using Btx.Fixtures;
using Btx.Model.Forests;
using Btx.Model.Moe;
using Btx.Model.Registry;
using Btx.Model.Serving;
using Btx.Model.Tensors;
using Btx.Model.Tokens;

namespace Btx.Forest.Tests;

/// <summary>A served forest of alpha, beta and gamma, a seed, and BTX models of them with made-up router statistics, in a directory of its
/// own.</summary>
public sealed class RemixWorld : IDisposable
{
    public const string Seed = "seed";

    private readonly DirectoryInfo root = Directory.CreateTempSubdirectory("btx-remix-");
    private readonly ForestManifest manifest;

    /// <param name="export">Changes to the forest's export.</param>
    public RemixWorld(Func<ExportOptions, ExportOptions>? export = null)
    {
        var tiny = new TinyForest
        { Config = TinyForest.DefaultConfig with { HiddenSize = 32, IntermediateSize = 48, NumAttentionHeads = 2, NumKeyValueHeads = 1 } };
        manifest = tiny.Write(At("forest"));
        tiny.WriteExpert(At(Seed), 99);
        var options = new ExportOptions { Forest = At("forest"), Out = At("served"), Threads = 1 };
        ForestExporter.Export(export?.Invoke(options) ?? options);
        State = ForestState.Load(At("served"));
    }

    /// <summary>Revision 0.</summary>
    public ForestState State { get; }

    public static string Exporter => typeof(MoeExporter).Assembly.Location;

    public EngineOptions Options => new() { Directory = At("served"), Threads = 1, Slots = 2 };

    public string At(string name) => Path.Combine(root.FullName, name);

    public string Expert(string name) => At($"forest/experts/{name}");

    public MoeRemix Remix(string? exporter = null) => new(Options, exporter ?? Exporter);

    /// <summary>Makes a BTX model of these experts, the seed the last if it is named, and exports it.</summary>
    /// <returns>Its served directory.</returns>
    public string Serve(string name, string[] experts, Func<MoeExportOptions, MoeExportOptions>? export = null,
        Func<BtxManifest, BtxManifest>? change = null, BtxRouter? router = null)
    {
        var directory = At($"{name}.model");
        Directory.CreateDirectory(directory);
        Checkpoint[] members = [.. experts.Select(e => Checkpoint.Open(e == Seed ? At(Seed) : Expert(e)))];
        try
        {
            router ??= new BtxRouter { ExpertsPerToken = Math.Min(2, experts.Length), Init = RouterInit.Ridge, RidgeLambda = 0.01 };
            var statistics = Statistics([.. experts.Where(e => e != Seed)]);
            var weights = new MoeWeights(members);
            var config = weights.Config(router.ExpertsPerToken);
            weights.Write(directory, config, RouterFit.Of(router.Init!, statistics, experts.Length,
                router.RidgeLambda ?? RidgeRouter.DefaultLambda).Weights, _ => { }, CancellationToken.None);
            TokenizerFiles.Copy(At(Seed), directory);
            statistics.Save(Path.Combine(directory, RouterStatistics.FileName));
            var lineage = new BtxManifest
            {
                Architecture = config.Fingerprint(),
                Tokenizer = manifest.Tokenizer,
                Sha256 = CheckpointFiles.Hash(directory),
                Router = router,
                ForestSha256 = manifest.Hash(),
                Experts = [.. experts.Select(e => e == Seed
                    ? new BtxExpert { Name = e, Domain = e, Sha256 = CheckpointFiles.Hash(At(Seed)), Source = At(Seed) }
                    : new BtxExpert { Name = e, Domain = e, Sha256 = manifest.Expert(e).Sha256, Tokens = 1000, Steps = 10 })],
            };
            (change?.Invoke(lineage) ?? lineage).Save(directory);
        }
        finally
        {
            foreach (var member in members) member.Dispose();
        }

        var options = new MoeExportOptions { Model = directory, Out = At(name), Threads = 1 };
        MoeExporter.Export(export?.Invoke(options) ?? options);
        return At(name);
    }

    /// <summary>Made-up hidden states of each, a function of its name alone.</summary>
    public RouterStatistics Statistics(params string[] experts) => new(HiddenStateForm.Own, 100,
        [.. experts.Select(e => new DomainStatistics(e, manifest.Expert(e).Sha256, "text", [Layer(e, 0), Layer(e, 1)]))]);

    /// <summary>Writes the statistics of experts as `btx train mix` leaves them.</summary>
    public string StatisticsDirectory(string name, params string[] experts)
    {
        Statistics(experts).Save(Path.Combine(At(name), RouterStatistics.FileName));
        return At(name);
    }

    /// <summary>The state with an expert that was removed before, and how it was asked for.</summary>
    public (ForestState After, ExpertAddition Added) Return(ForestState state, string expert, string? statistics)
    {
        var entry = manifest.Expert(expert);
        var added = new ExpertAddition
        { By = new("tester", "test"), Name = expert, Directory = Expert(expert), RouterStatistics = statistics };
        return (state.WithExpert(new RegisteredExpert
        {
            Name = expert,
            Domain = expert,
            Path = Expert(expert),
            Root = ExpertRoot.External,
            Sha256 = entry.Sha256,
            Tokens = entry.Tokens,
            Steps = entry.Steps,
        }), added);
    }

    public void Dispose() => root.Delete(recursive: true);

    private static LayerStatistics Layer(string name, int layer)
    {
        const int d = 32, states = 80, held = 20;
        var random = new Random(name[0] + (1000 * layer));
        float[][] x = [.. Enumerable.Range(0, states + held).Select(_ =>
            Enumerable.Range(0, d).Select(i => (float)(random.NextDouble() - 0.5 + (i % 26 == name[0] - 'a' ? 1 : 0))).ToArray())];
        return new(
            states,
            [.. Enumerable.Range(0, d).Select(i => x[..states].Sum(s => s[i]))],
            [.. Enumerable.Range(0, d * d).Select(i => x[..states].Sum(s => s[i / d] * s[i % d]))],
            [.. x[states..].SelectMany(s => s)]);
    }
}
