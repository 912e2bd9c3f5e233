using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Btx.Fixtures;
using Btx.Model.Tensors;
using Btx.Trainer.Corpora;

namespace Btx.Trainer.Tests.Evaluation;

/// <summary>A tiny forest of random experts and a small corpus on disk: domains <c>alpha</c> and <c>beta</c> to train on, <c>other</c> only to evaluate.</summary>
internal sealed class EvaluationWorld : IDisposable
{
    private static readonly string[] Words = "the cat and a dog saw one another in this old house of stone where nobody ever came größer naïve 数".Split(' ');

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
        SafetensorsWriter.Write(Path.Combine(directory, CheckpointFiles.SingleFile), [.. Fixture.Config.TensorShapes().Select(t => (t.Name, TensorDtype.F32, t.Shape))], (_, d) => d.Clear());
        return directory;
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
                var json = Encoding.UTF8.GetBytes(string.Concat(texts.Select((t, i) => JsonSerializer.Serialize(new { id = $"{split}-{i}", text = t }) + "\n")));
                File.WriteAllBytes(Path.Combine(Corpus, name, $"{split}.jsonl"), json);
                return new($"{name}/{split}.jsonl", documents, texts.Sum(Encoding.UTF8.GetByteCount), json.Length, Convert.ToHexStringLower(SHA256.HashData(json)));
            }

            CorpusShard train = Shard("train", 3), validation = Shard("validation", 4), test = Shard("test", emptyTest ? 0 : 6);
            entries.Add(new(name, role, [], "none", 1, null, 13, train.Bytes + validation.Bytes + test.Bytes, train, validation, test));
        }

        new CorpusManifest(CorpusManifest.CurrentSchema, entries).Write(Corpus);
    }
}
