using Btx.Engine.Sessions;
using Btx.Model.Tokens;

namespace Btx.Engine.Forests;

/// <summary>What stays the same however a server's forest changes. Immutable, but for what it counts.</summary>
/// <param name="ContextLength">Longest sequence in tokens.</param>
/// <param name="ForestSha256">Of the manifest that was served first.</param>
/// <param name="BuildAverage">Makes the model of an average; slow, any thread. Throws
/// <see cref="OperationCanceledException"/> when told to stop.</param>
/// <param name="QuietBuilds">Models can be made on a thread of low priority: their sessions start no threads.</param>
/// <param name="Opener">Opens what a change adds; null where only a BTX model is served.</param>
internal sealed record ServingResources(
    TextTokenizer Tokenizer,
    int ContextLength,
    int VocabSize,
    string ForestSha256,
    string Precision,
    string Device,
    TimeProvider Time,
    Func<AverageRecipe, string, CancellationToken, IModelRunner> BuildAverage,
    IModelOpener? Opener = null,
    bool QuietBuilds = false)
{
    /// <summary>Whether a change can be prepared on a thread of low priority. A BTX model's sessions have threads of their own.</summary>
    public bool IsQuiet(ForestChange change) => QuietBuilds && change.Moe is null;

    /// <summary>Of this engine.</summary>
    public LiveSnapshots Snapshots { get; } = new();
}
