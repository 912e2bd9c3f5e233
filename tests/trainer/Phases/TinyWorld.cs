using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Btx.Model.Configuration;
using Btx.Model.Moe;
using Btx.Model.Tensors;
using Btx.Model.Tokens;
using Btx.Trainer.Corpora;
using Btx.Trainer.Networks;
using Btx.Trainer.Phases;
using Btx.Trainer.Shards;
using TorchSharp;

namespace Btx.Trainer.Tests.Phases;

/// <summary>A corpus of three made-up languages, a tokenizer for it, and a network of a few
/// thousand weights, in a directory of its own.</summary>
public sealed class TinyWorld : IDisposable
{
    public static readonly string[] Domains = ["ants", "bees", "cows"];
    private static TextTokenizer? s_trained;

    public TinyWorld()
    {
        Root = Directory.CreateTempSubdirectory("btx-phases-").FullName;
        Corpus = At("corpus");
        new CorpusManifest(CorpusManifest.CurrentSchema, [.. Domains.Select((d, i) => Domain(d, i, 40))]).Write(Corpus);
        Directory.CreateDirectory(Tokenizer = At("tokenizer"));
        lock (Domains) s_trained ??= Trained(); // the corpus is always the same
        s_trained.Save(Tokenizer);
    }

    private TextTokenizer Trained() => BpeTrainer.Train(
        Domains.SelectMany(d => CorpusDirectory.Open(Corpus).Read(d, CorpusSplit.Train)).Select(d => d.Text), 300, ["<|endoftext|>"]);

    public string Root { get; }

    public string Corpus { get; }

    public string Tokenizer { get; }

    public static TrainingOptions Options { get; } = new() { Tokens = 2_000, Batch = 2, Sequence = 16, LearningRate = 1e-2 };

    public string At(string name) => Path.Combine(Root, name);

    public LlamaConfig Config(int hidden = 16)
    {
        var tokenizer = TextTokenizer.Load(Tokenizer);
        return new LlamaConfig
        {
            VocabSize = tokenizer.VocabSize,
            HiddenSize = hidden,
            IntermediateSize = 24,
            NumHiddenLayers = 1,
            NumAttentionHeads = 1,
            NumKeyValueHeads = 1,
            MaxPositionEmbeddings = 32,
            TieWordEmbeddings = true,
            BosTokenId = tokenizer.BosId,
            EosTokenIds = tokenizer.EosId is { } end ? [end] : [],
        };
    }

    public TrainingJob Job(TrainingOptions? options = null) => new()
    {
        Phase = "seed",
        Name = "seed",
        Corpus = Corpus,
        Tokenizer = Tokenizer,
        Sources = [.. Domains.Select(TextSource.Of)],
        Architecture = Config(),
        Options = options ?? Options,
    };

    /// <summary>A model directory with random weights.</summary>
    public string Model(string name, long seed, int hidden = 16)
    {
        var directory = At(name);
        Directory.CreateDirectory(directory);
        using var model = new LlamaModel(Config(hidden), torch.CPU).Init(seed);
        LlamaCheckpoint.Save(model, directory);
        TokenizerFiles.Copy(Tokenizer, directory);
        return directory;
    }

    /// <summary>A Mixtral directory with random weights and no btx.json.</summary>
    public string Moe(string name, int experts = 4, int layers = 2, Action<LlamaModel>? rig = null)
    {
        var directory = At(name);
        Directory.CreateDirectory(directory);
        using var model = new LlamaModel(Config() with { NumHiddenLayers = layers, Moe = new(experts, Math.Min(2, experts)) },
            torch.CPU).Init(1);
        rig?.Invoke(model);
        LlamaCheckpoint.Save(model, directory);
        TokenizerFiles.Copy(Tokenizer, directory);
        return directory;
    }

    /// <summary>A fine-tune of a BTX model on all three languages.</summary>
    public TrainingJob FineTune(string model, MoeTraining routing, TrainingOptions? options = null, bool freeze = false)
    {
        var hash = CheckpointFiles.Hash(model);
        var config = LlamaConfig.Load(model);
        var tuning = new MoeTuning
        {
            Source = BtxManifest.Of(model, config, TextTokenizer.Load(model).Hash, hash),
            Routing = routing,
            FreezeExperts = freeze
        };
        return Job(options) with
        {
            Phase = "finetune",
            Name = "tuned",
            Parents = [new BranchParent("mixture", 1, model, hash)],
            Moe = tuning,
            Architecture = config with { Moe = config.Moe! with { ExpertsPerToken = tuning.ExpertsPerToken } },
        };
    }

    /// <summary>Flags of the small network and the short run, for the program.</summary>
    public string[] SeedArguments(string output, params string[] more) =>
    [
        "train", "seed", "--corpus", Corpus, "--tokenizer", Tokenizer, "--out", At(output), "--hidden", "16", "--intermediate", "24",
            "--layers", "1", "--heads", "1", "--context", "32",
        "--sequence", "16", "--validation-windows", "4", .. more,
    ];

    /// <summary>Starts the trainer as a user would.</summary>
    public static Process Start(params string[] arguments) => Start(null, arguments);

    /// <param name="shell">A shell prefix such as a limit, or null.</param>
    public static Process Start(string? shell, string[] arguments)
    {
        var dotnet = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet"));
        string[] command = [dotnet, typeof(TrainingRun).Assembly.Location, .. arguments];
        var start = new ProcessStartInfo(shell is null ? command[0] : "/bin/bash")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true
        };
        foreach (var argument in shell is null ? command[1..] : ["-c", shell + " exec \"$@\"", "trainer", .. command])
            start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }

    /// <summary>Runs the trainer to its end.</summary>
    public static async Task<(int Code, string Output, string Errors)> RunAsync(params string[] arguments) =>
        await EndAsync(Start(arguments));

    public static async Task<(int Code, string Output, string Errors)> EndAsync(Process process)
    {
        using (process)
        {
            var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
            await process.WaitForExitAsync();
            return (process.ExitCode, await output, WithoutProgress(await errors));
        }
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);

    // A run of some seconds says on standard error how far it is.
    private static string WithoutProgress(string errors) =>
        string.Concat(errors.Split('\n').Where(line => line.Length > 0 && !Regex.IsMatch(line, @": \d+ % \(")).Select(line => line + "\n"));

    // Each language has its own letters, so its expert is easily told from the others.
    private CorpusDomain Domain(string name, int index, int documents)
    {
        var random = new Random(index);
        var words = Enumerable.Range(0, 30).Select(_ =>
            new string([.. Enumerable.Range(0, random.Next(2, 7)).Select(_ => (char)('a' + (index * 8) + random.Next(8)))])).ToArray();
        Directory.CreateDirectory(Path.Combine(Corpus, name));
        CorpusShard Shard(CorpusSplit split, int count)
        {
            var lines = Enumerable.Range(0, count).Select(i => new
            {
                id = $"{split}-{i}",
                text = string.Join(' ', Enumerable.Range(0, 60).Select(_ => words[random.Next(words.Length)]))
            }).ToArray();
            var path = $"{name}/{split.ToString().ToLowerInvariant()}.jsonl";
            var bytes = Encoding.UTF8.GetBytes(string.Concat(lines.Select(l => JsonSerializer.Serialize(l) + "\n")));
            File.WriteAllBytes(Path.Combine(Corpus, path), bytes);
            return new CorpusShard(path, count, lines.Sum(l => Encoding.UTF8.GetByteCount(l.text)), bytes.Length,
                Convert.ToHexStringLower(SHA256.HashData(bytes)));
        }

        var (train, validation, test) = (Shard(CorpusSplit.Train, documents), Shard(CorpusSplit.Validation, 8), Shard(CorpusSplit.Test, 4));
        return new CorpusDomain(name, CorpusRole.Train, [new CorpusSource("folder", name, "", "")], "none", 1, null, documents + 12,
            train.Bytes + validation.Bytes + test.Bytes, train, validation, test);
    }
}
