using Btx.Engine.Forests;
using Btx.Fixtures;
using Btx.Model.Tokens;

namespace Btx.Engine.Tests.Fixtures;

/// <summary>An engine over <see cref="FakeModelRunner"/>s: for exact tests of the loop.</summary>
internal sealed class FakeForest : IAsyncDisposable
{
    public const int Vocab = 320;

    public FakeForest(int experts = 3, int context = 64, Func<EngineOptions, EngineOptions>? change = null)
    {
        var options = new EngineOptions { Directory = "fake", Threads = 2, Slots = 4, MaxBatchTokens = 16, PrefillChunk = 4, QueueCapacity = 8 };
        options = change?.Invoke(options) ?? options;
        Experts = [.. Enumerable.Range(0, experts).Select(j => new FakeModelRunner(j + 1, Vocab, options.Slots))];
        var directory = Directory.CreateTempSubdirectory("btx-fake-");
        TinyForest.WriteTokenizer(directory.FullName);
        var tokenizer = TextTokenizer.Load(directory.FullName);
        directory.Delete(recursive: true);
        var names = Experts.Select((_, j) => $"expert-{j}").ToArray();
        var description = new ForestDescription
        {
            Experts = names, Domains = names, PriorDomains = ["expert-0"], ContextLength = context, VocabSize = Vocab, ForestSha256 = "", Precision = "fp32", Device = "cpu",
            LoadedAt = default,
        };
        var prior = new double[experts];
        prior[0] = 0.5;
        for (var j = 1; j < experts; j++) prior[j] = 0.5 / (experts - 1);
        Snapshot = new ForestSnapshot(
            description, tokenizer, TinyForest.EndOfTextId, Experts, new Dictionary<string, double[]> { ["expert-0"] = prior },
            (_, name) => name.Contains("posterior", StringComparison.Ordinal) ? throw new InvalidOperationException("no memory") : new FakeModelRunner(99, Vocab, options.Slots), () => Released = true);
        Engine = new ForestEngine(options, Snapshot, options.Threads);
    }

    public FakeModelRunner[] Experts { get; }

    public ForestSnapshot Snapshot { get; }

    public ForestEngine Engine { get; }

    public bool Released { get; private set; }

    public ValueTask DisposeAsync() => Engine.DisposeAsync();
}
