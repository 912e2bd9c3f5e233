using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Btx.Fixtures;
using Btx.Model.Configuration;
using Btx.Model.Tensors;
using Btx.Trainer.Corpora;
using Btx.Trainer.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace Btx.Trainer.Tests.Evaluation;

/// <summary>A tiny forest of random experts and a small corpus on disk: domains <c>alpha</c> and <c>beta</c> to
/// train on, <c>other</c> only to evaluate.</summary>
internal sealed class EvaluationWorld : IDisposable
{
    private static readonly string[] Words =
        "the cat and a dog saw one another in this old house of stone where nobody ever came größer naïve 数".Split(' ');

    public EvaluationWorld(int experts = 3, bool emptyTest = false)
    {
        Directory.CreateDirectory(Corpus);
        Fixture = new TinyForest { Experts = experts };
        Fixture.Write(Forest);
        WriteCorpus([("alpha", CorpusRole.Train), ("beta", CorpusRole.Train), ("other", CorpusRole.Eval)], emptyTest);
    }

    public string Root { get; } = Directory.CreateTempSubdirectory("btx-test-").FullName;

    public TinyForest Fixture { get; }

    public string Forest => Path.Combine(Root, "forest");

    public string Corpus => Path.Combine(Root, "corpus");

    public string Expert(string name) => Path.Combine(Forest, "experts", name);

    /// <summary>A model directory whose weights are all 0: it gives every token of the vocabulary the same probability.</summary>
    public string UniformModel()
    {
        var directory = Path.Combine(Root, "uniform");
        Fixture.WriteExpert(directory, 0);
        SafetensorsWriter.Write(Path.Combine(directory, CheckpointFiles.SingleFile),
            [.. Fixture.Config.TensorShapes().Select(t => (t.Name, TensorDtype.F32, t.Shape))], (_, d) => d.Clear());
        return directory;
    }

    /// <summary>A Mixtral directory whose experts are all that expert of the forest, with random routers.</summary>
    public string Upcycled(string expert, int copies, int expertsPerToken)
    {
        var directory = Path.Combine(Root, $"upcycled-{expert}-{copies}");
        Directory.CreateDirectory(directory);
        using var source = Checkpoint.Open(Expert(expert));
        using var model = new LlamaModel(source.Config with { Moe = new(copies, expertsPerToken) }, CPU).Init(4);
        using var mode = no_grad();
        foreach (var (parameterName, parameter) in model.NamedParameters)
        {
            if (parameterName.EndsWith(MoeConfig.RouterTensor, StringComparison.Ordinal)) continue;
            using var scope = NewDisposeScope();
            var values = new float[parameter.numel()];
            source.CopyTo(Source(parameterName), values);
            parameter.copy_(Values(values, parameter.shape));
        }

        LlamaCheckpoint.Save(model, directory);
        TinyForest.WriteTokenizer(directory);
        return directory;

        static string Source(string name)
        {
            var parts = name.Split(".block_sparse_moe.experts.");
            if (parts.Length == 1) return name;
            return $"{parts[0]}.mlp.{parts[1].Split('.')[1] switch { "w1" => "gate_proj", "w2" => "down_proj", _ => "up_proj" }}.weight";
        }

        static Tensor Values(float[] values, long[] shape) => tensor(values, shape, float32);
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);

    public static string Text(int seed, int words)
    {
        var random = new Random(seed);
        return string.Join(' ', Enumerable.Range(0, words).Select(_ => Words[random.Next(Words.Length)]));
    }

    private void WriteCorpus((string Name, CorpusRole Role)[] domains, bool emptyTest)
    {
        var entries = new List<CorpusDomain>();
        foreach (var (name, role) in domains)
        {
            Directory.CreateDirectory(Path.Combine(Corpus, name));
            var seed = name[0] * 1000;
            CorpusShard Shard(string split, int documents)
            {
                var texts = Enumerable.Range(0, documents).Select(i => Text(seed++, 5 + (i * 13 % 140))).ToArray();
                var json = Encoding.UTF8.GetBytes(string.Concat(texts.Select((
                    t, i) => JsonSerializer.Serialize(new { id = $"{split}-{i}", text = t }) + "\n")));
                File.WriteAllBytes(Path.Combine(Corpus, name, $"{split}.jsonl"), json);
                return new($"{name}/{split}.jsonl", documents, texts.Sum(Encoding.UTF8.GetByteCount), json.Length,
                    Convert.ToHexStringLower(SHA256.HashData(json)));
            }

            CorpusShard train = Shard("train", 3), validation = Shard("validation", 4), test = Shard("test", emptyTest ? 0 : 6);
            entries.Add(new(name, role, [], "none", 1, null, 13, train.Bytes + validation.Bytes + test.Bytes, train, validation, test));
        }

        new CorpusManifest(CorpusManifest.CurrentSchema, entries).Write(Corpus);
    }
}
