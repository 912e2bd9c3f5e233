using Btx.Model.Forests;
using Btx.Model.Moe;
using Btx.Model.Tensors;
using Btx.Model.Tokens;

namespace Btx.Trainer.Evaluation;

/// <summary>The models of an evaluation, checked to belong together before any is loaded: one tokenizer, and one architecture among the
/// experts, which are those that get traffic, in the manifest's order.</summary>
/// <param name="Moe">N and k of the BTX model; 0 and 0: there is none.</param>
/// <param name="MaxContext">The shortest max_position_embeddings of all models.</param>
public sealed record EvaluatedModels(ForestManifest Manifest, IReadOnlyList<ExpertEntry> Experts, IReadOnlyList<string> ExpertDirectories,
    IReadOnlyList<ComparedModel> Others, (int Experts, int PerToken) Moe, TextTokenizer Tokenizer, int MaxContext)
{
    public IReadOnlyList<string> ExpertNames => [.. Experts.Select(e => e.Name)];

    /// <summary>Directory of a model beside the forest; null: it was not given.</summary>
    public string? Other(string name) => Others.FirstOrDefault(m => m.Name == name)?.Directory;

    /// <exception cref="BtxException">A model is missing, or architectures, vocabularies or tokenizers do not fit; names both.</exception>
    public static EvaluatedModels Open(string forest, params IReadOnlyList<ComparedModel> others)
    {
        var manifest = ForestManifest.Load(forest);
        var experts = manifest.Present(forest, Console.Error.WriteLine);
        var source = Path.Combine(forest, ForestManifest.FileName);
        if (experts.Length == 0) throw new BtxException($"{source}: lists no expert that is ready; add one with: btx train expert");
        string[] directories = [.. experts.Select(e => ContainedPath.Resolve(forest, e.Path, source))];
        var context = int.MaxValue;
        TextTokenizer? tokenizer = null;
        foreach (var directory in directories)
        {
            var config = LlamaConfig.Load(directory).RequireDense(directory);
            if (config.Fingerprint() != manifest.Architecture)
                throw new BtxException($"{directory}: its architecture (config.json) is not that of {source}; experts share one");
            tokenizer = SameTokenizer(directory, config, manifest.Tokenizer, source);
            context = Math.Min(context, config.MaxPositionEmbeddings);
        }

        (int, int) moe = default;
        foreach (var (name, directory) in others)
        {
            if (!Directory.Exists(directory))
                throw new BtxException($"{directory}: no such directory; expected config.json, model.safetensors and tokenizer.json");
            var config = LlamaConfig.Load(directory);
            if (config.Moe is not null && name is EvaluationMode.Seed or EvaluationMode.Dense)
                throw new BtxException($"{(name == EvaluationMode.Seed ? "--seed-model" : "--dense")} {directory}: model_type is mixtral, "
                    + "expected llama; compare a BTX model with --btx DIR or --model NAME=DIR");
            SameTokenizer(directory, config, manifest.Tokenizer, source);
            context = Math.Min(context, config.MaxPositionEmbeddings);
            if (config.Moe is { } m && name == EvaluationMode.Moe) moe = (m.Experts, m.ExpertsPerToken);
            using (Checkpoint.Open(directory)) { } // names a damaged file before btx.json only finds that the weights are others
            if (config.Moe is not null || name == EvaluationMode.Moe)
                BtxManifest.Of(directory, config, manifest.Tokenizer, CheckpointFiles.Hash(directory));
        }

        return new(manifest, experts, directories, others, moe, tokenizer!, context);
    }

    private static TextTokenizer SameTokenizer(string directory, LlamaConfig config, string hash, string source)
    {
        var tokenizer = TextTokenizer.Load(directory);
        if (tokenizer.Hash != hash)
            throw new BtxException($"{directory}: its tokenizer is not the one that {source} records; models compared or mixed share one");
        return tokenizer.VocabSize <= config.VocabSize ? tokenizer
            : throw new BtxException($"{directory}: its tokenizer has {tokenizer.VocabSize} tokens, config.json a vocab_size of "
                + $"{config.VocabSize}; they do not belong together");
    }
}
