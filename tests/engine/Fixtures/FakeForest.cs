using Btx.Engine.Forests;
using Btx.Fixtures;
using Btx.Model.Tokens;

namespace Btx.Engine.Tests.Fixtures;

/// <summary>An engine over <see cref="FakeModelRunner"/>s, a forest and a mixture of two layers and four experts beside it: for exact tests of the loop.</summary>
internal sealed class FakeForest : IAsyncDisposable
{
    public const int Vocab = 320;
    public const int Layers = 2;

    public static MixtureDescription MixtureDescription { get; } = new()
    {
        Experts = ["a", "b", "c", "d"], Domains = ["prose", "code", "prose", "law"], ExpertsPerToken = 2, Choices = [1, 2, 3, 4], Layers = Layers, Router = "top2", Precision = "fp32", Sha256 = "",
    };

    public FakeForest(int experts = 3, int context = 64, Func<EngineOptions, EngineOptions>? change = null)
    {
        var options = new EngineOptions { Directory = "fake", Threads = 2, Slots = 4, MaxBatchTokens = 16, PrefillChunk = 4, QueueCapacity = 8 };
        options = change?.Invoke(options) ?? options;
        Experts = [.. Enumerable.Range(0, experts).Select(j => new FakeModelRunner(j + 1, Vocab, options.Slots))];
        Mixture = new FakeModelRunner(77, Vocab, options.Slots, Layers, MixtureDescription.Experts.Count);
        var directory = Directory.CreateTempSubdirectory("btx-fake-");
        TinyForest.WriteTokenizer(directory.FullName);
        var tokenizer = TextTokenizer.Load(directory.FullName);
        directory.Delete(recursive: true);
        var names = Experts.Select((_, j) => $"expert-{j}").ToArray();
        var description = new ForestDescription
        {
            Experts = names, Domains = names, PriorDomains = experts > 0 ? ["expert-0"] : [], ContextLength = context, VocabSize = Vocab, ForestSha256 = "", Precision = "fp32", Device = "cpu",
            LoadedAt = default, Mixture = MixtureDescription,
        };
        var prior = new double[experts];
        if (experts > 0) prior[0] = 0.5;
        for (var j = 1; j < experts; j++) prior[j] = 0.5 / (experts - 1);
        Snapshot = new ForestSnapshot(
            description, tokenizer, TinyForest.EndOfTextId, Experts, new Dictionary<string, double[]> { ["expert-0"] = prior },
            (_, name) => name.Contains("posterior", StringComparison.Ordinal) ? throw new InvalidOperationException("no memory") : new FakeModelRunner(99, Vocab, options.Slots), () => Released = true, new ServedMixture(MixtureDescription, Mixture));
        Engine = new ForestEngine(options, Snapshot, options.Threads);
    }

    public FakeModelRunner[] Experts { get; }

    public FakeModelRunner Mixture { get; }

    public ForestSnapshot Snapshot { get; }

    public ForestEngine Engine { get; }

    public bool Released { get; private set; }

    public ValueTask DisposeAsync() => Engine.DisposeAsync();
}
