using Btx.Cli;
using Btx.Model.Configuration;
using Btx.Model.Forests;
using Btx.Model.Moe;
using Btx.Model.Tensors;
using Btx.Model.Tokens;
using Btx.Trainer.Corpora;
using Btx.Trainer.Moe;
using Btx.Trainer.Networks;
using Btx.Trainer.Phases;
using Btx.Trainer.Tests.Phases;
using TorchSharp;

namespace Btx.Trainer.Tests.Moe;

/// <summary>A forest of one expert of random weights for each made-up language, with two layers, and their corpus.</summary>
public sealed class MixWorld : IDisposable
{
    private readonly TinyWorld world = new();

    /// <param name="hidden">d.</param>
    public MixWorld(int hidden = 16)
    {
        Config = world.Config(hidden) with { NumHiddenLayers = 2, NumAttentionHeads = 2, NumKeyValueHeads = 1, HeadDimOverride = 8 };
        foreach (var (domain, i) in TinyWorld.Domains.Select((d, i) => (d, i))) Model($"forest/experts/{domain}", i + 1);
        Model("seed", 99);
        Forest("forest", [.. TinyWorld.Domains]);
    }

    public LlamaConfig Config { get; }

    public string Corpus => world.Corpus;

    public MixRequest Request => new() { Forest = At("forest"), Output = At("mix"), RouterInit = RouterInit.Random };

    public MixRequest Fitted => Request with { RouterInit = RouterInit.Ridge, Corpus = Corpus, TokensPerDomain = 1500 };

    public string At(string name) => world.At(name);

    public static (MixReport Report, bool Made) Mix(MixRequest request, CancellationToken cancellation = default)
    {
        using var display = new ProgressDisplay(TextWriter.Null, TextWriter.Null);
        return new MixRun(request, display).Execute(cancellation);
    }

    /// <summary>A model directory of random weights.</summary>
    public string Model(string name, long seed, LlamaConfig? config = null)
    {
        Directory.CreateDirectory(At(name));
        using var model = new LlamaModel(config ?? Config, torch.CPU).Init(seed);
        LlamaCheckpoint.Save(model, At(name));
        TokenizerFiles.Copy(world.Tokenizer, At(name));
        return At(name);
    }

    /// <summary>Writes the manifest of experts that lie in <c>forest/experts</c>.</summary>
    public ForestManifest Forest(string directory, string[] names, Func<ExpertEntry, ExpertEntry>? change = null)
    {
        change ??= e => e;
        foreach (var name in names.Where(n => !Directory.Exists(At($"{directory}/experts/{n}"))))
            Copy(At($"forest/experts/{name}"), At($"{directory}/experts/{name}"));
        var manifest = new ForestManifest
        {
            Architecture = Config.Fingerprint(),
            Tokenizer = TextTokenizer.Load(world.Tokenizer).Hash,
            Experts = [.. names.Select(n => change(new ExpertEntry { Name = n, Domain = n, Path = $"experts/{n}",
                Sha256 = CheckpointFiles.Hash(At($"{directory}/experts/{n}")) }))],
        };
        manifest.Save(At(directory));
        return manifest;
    }

    /// <summary>Every tensor of a model directory.</summary>
    public Dictionary<string, float[]> Tensors(string model)
    {
        using var checkpoint = Checkpoint.Open(At(model));
        return checkpoint.Config.TensorShapes().ToDictionary(t => t.Name, t =>
        {
            var values = new float[t.Shape.Aggregate(1L, (p, s) => p * s)];
            checkpoint.CopyTo(t.Name, values);
            return values;
        });
    }

    public BtxManifest Manifest(string model) =>
        BtxManifest.Of(At(model), LlamaConfig.Load(At(model)), TextTokenizer.Load(At(model)).Hash, CheckpointFiles.Hash(At(model)));

    /// <summary>The first ids of a language's test text.</summary>
    public long[] TestIds(int domain, int count)
    {
        var tokenizer = TextTokenizer.Load(At("seed"));
        var text = string.Join(' ', CorpusDirectory.Open(Corpus).Read(TinyWorld.Domains[domain], CorpusSplit.Test).Select(d => d.Text));
        return [.. tokenizer.Encode(text).Take(count).Select(i => (long)i)];
    }

    public void Dispose() => world.Dispose();

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.EnumerateFiles(from)) File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
    }
}
