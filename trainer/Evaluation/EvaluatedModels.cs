using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Files;
using Btx.Model.Forests;
using Btx.Model.Moe;
using Btx.Model.Tensors;
using Btx.Model.Tokens;

namespace Btx.Trainer.Evaluation;

/// <summary>The models of an evaluation, checked to belong together before any is loaded: one tokenizer,
/// and one architecture among the experts.</summary>
public sealed record EvaluatedModels
{
    public required ForestManifest Manifest { get; init; }

    /// <summary>The experts that get traffic, in the manifest's order.</summary>
    public required IReadOnlyList<ExpertEntry> Experts { get; init; }

    /// <summary>Absolute model directories, in the order of <see cref="Experts"/>.</summary>
    public required IReadOnlyList<string> ExpertDirectories { get; init; }

    public string? Seed { get; init; }

    public string? Dense { get; init; }

    public IReadOnlyList<ComparedModel> Compared { get; init; } = [];

    /// <summary>Directory of the BTX model; null: there is none.</summary>
    public string? Btx { get; init; }

    /// <summary>N and k of the BTX model; 0 and 0: there is none.</summary>
    public (int Experts, int PerToken) Moe { get; init; }

    public required TextTokenizer Tokenizer { get; init; }

    /// <summary>The shortest max_position_embeddings of all models.</summary>
    public required int MaxContext { get; init; }

    public IReadOnlyList<string> ExpertNames => [.. Experts.Select(e => e.Name)];

    /// <exception cref="BtxException">A model is missing, or architectures, vocabularies or tokenizers do not fit; names both.</exception>
    public static EvaluatedModels Open(string forest, string? seed = null, string? dense = null,
        IReadOnlyList<ComparedModel>? compared = null, string? btx = null)
    {
        compared ??= [];
        var manifest = ForestManifest.Load(forest);
        var experts = manifest.Present(forest, Console.Error.WriteLine);
        var source = Path.Combine(forest, ForestManifest.FileName);
        if (experts.Length == 0) throw new BtxException($"{source}: lists no expert that is ready; add one with: btx train expert");
        var directories = experts.Select(e => ContainedPath.Resolve(forest, e.Path, source)).ToArray();
        var context = int.MaxValue;
        TextTokenizer? tokenizer = null;
        foreach (var directory in directories)
        {
            var config = LlamaConfig.Load(directory).RequireDense(directory);
            if (config.Fingerprint() != manifest.Architecture)
                throw new BtxException($"{directory}: its architecture (config.json) is not the one that {source} "
                    + "records; experts of a forest share one");
            tokenizer = SameTokenizer(directory, config, manifest.Tokenizer, source);
            context = Math.Min(context, config.MaxPositionEmbeddings);
        }

        (int, int) moe = default;
        foreach (var other in (string?[])[seed, dense, .. compared.Select(m => m.Directory), btx])
        {
            if (other is null) continue;
            if (!Directory.Exists(other))
                throw new BtxException($"{other}: no such directory; expected a model with config.json, "
                    + "model.safetensors and tokenizer.json");
            var config = LlamaConfig.Load(other);
            if (config.Moe is not null && (other == seed || other == dense))
                throw new BtxException($"{(other == seed ? "--seed-model" : "--dense")} {other}: model_type is mixtral, expected llama; "
                    + "compare a mixture with --btx DIR or --model NAME=DIR");
            SameTokenizer(other, config, manifest.Tokenizer, source);
            context = Math.Min(context, config.MaxPositionEmbeddings);
            if (config.Moe is { } m && other == btx) moe = (m.Experts, m.ExpertsPerToken);
            using (Checkpoint.Open(other)) { } // names a damaged file before btx.json only finds that the weights are others
            if (config.Moe is not null || other == btx) BtxManifest.Of(other, config, manifest.Tokenizer, CheckpointFiles.Hash(other));
        }

        return new()
        {
            Manifest = manifest,
            Experts = experts,
            ExpertDirectories = directories,
            Seed = seed,
            Dense = dense,
            Compared = compared,
            Btx = btx,
            Moe = moe,
            Tokenizer = tokenizer!,
            MaxContext = context,
        };
    }

    private static TextTokenizer SameTokenizer(string directory, LlamaConfig config, string hash, string source)
    {
        var tokenizer = TextTokenizer.Load(directory);
        if (tokenizer.Hash != hash)
            throw new BtxException($"{directory}: its tokenizer is not the one that {source} records; models compared or mixed share one");
        return tokenizer.VocabSize <= config.VocabSize
            ? tokenizer
            : throw new BtxException($"{directory}: its tokenizer has {tokenizer.VocabSize} tokens, config.json a vocab_size of "
                + $"{config.VocabSize}; they do not belong together");
    }
}
