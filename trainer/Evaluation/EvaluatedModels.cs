using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Files;
using Btx.Model.Forests;
using Btx.Model.Tokens;

namespace Btx.Trainer.Evaluation;

/// <summary>The models of an evaluation, checked to belong together before any is loaded: one tokenizer, and one architecture among the experts.</summary>
public sealed record EvaluatedModels
{
    public required ForestManifest Manifest { get; init; }

    /// <summary>The experts that get traffic, in the manifest's order.</summary>
    public required IReadOnlyList<ExpertEntry> Experts { get; init; }

    /// <summary>Absolute model directories, in the order of <see cref="Experts"/>.</summary>
    public required IReadOnlyList<string> ExpertDirectories { get; init; }

    public string? Seed { get; init; }

    public string? Dense { get; init; }

    public required TextTokenizer Tokenizer { get; init; }

    /// <summary>The shortest max_position_embeddings of all models.</summary>
    public required int MaxContext { get; init; }

    public IReadOnlyList<string> ExpertNames => [.. Experts.Select(e => e.Name)];

    /// <exception cref="BtxException">A model is missing, or architectures or tokenizers differ; names both.</exception>
    public static EvaluatedModels Open(string forest, string? seed = null, string? dense = null)
    {
        var manifest = ForestManifest.Load(forest);
        var experts = manifest.Experts.Where(e => e.Status == ExpertStatus.Ready).ToArray();
        var source = Path.Combine(forest, ForestManifest.FileName);
        if (experts.Length == 0) throw new BtxException($"{source}: lists no expert that is ready; add one with: btx train expert");
        var directories = experts.Select(e => ContainedPath.Resolve(forest, e.Path, source)).ToArray();
        var context = int.MaxValue;
        TextTokenizer? tokenizer = null;
        for (var j = 0; j < experts.Length; j++)
        {
            var config = LlamaConfig.Load(directories[j]);
            if (config.Fingerprint() != manifest.Architecture)
                throw new BtxException($"{directories[j]}: its architecture (config.json) is not the one that {source} records; experts of a forest share one");
            tokenizer = SameTokenizer(directories[j], manifest.Tokenizer, source);
            context = Math.Min(context, config.MaxPositionEmbeddings);
        }

        foreach (var other in new[] { seed, dense })
        {
            if (other is null) continue;
            context = Math.Min(context, LlamaConfig.Load(other).MaxPositionEmbeddings);
            SameTokenizer(other, manifest.Tokenizer, source);
        }

        return new() { Manifest = manifest, Experts = experts, ExpertDirectories = directories, Seed = seed, Dense = dense, Tokenizer = tokenizer!, MaxContext = context };
    }

    private static TextTokenizer SameTokenizer(string directory, string hash, string source)
    {
        var tokenizer = TextTokenizer.Load(directory);
        return tokenizer.Hash == hash ? tokenizer : throw new BtxException($"{directory}: its tokenizer is not the one that {source} records; models compared or mixed share one");
    }
}
