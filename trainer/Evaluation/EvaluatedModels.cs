namespace Btx.Trainer.Evaluation;

/// <summary>The models of an evaluation, checked to belong together before any is loaded: one tokenizer, and one architecture among the
/// experts, which are those that get traffic, in the manifest's order.</summary>
/// <param name="Moe">N and k of the BTX model; 0 and 0: there is none.</param>
/// <param name="MaxContext">The shortest max_position_embeddings of all models.</param>
public sealed record EvaluatedModels(
    OpenForest Forest, IReadOnlyList<ComparedModel> Others, (int Experts, int PerToken) Moe, TextTokenizer Tokenizer, int MaxContext)
{
    public ForestManifest Manifest => Forest.Manifest;

    public IReadOnlyList<ExpertEntry> Experts => Forest.Experts;

    /// <summary>Directory of a model beside the forest; null: it was not given.</summary>
    public string? Other(string name) => Others.FirstOrDefault(m => m.Name == name)?.Directory;

    /// <exception cref="BtxException">A model is missing, or architectures, vocabularies or tokenizers do not fit; names both.</exception>
    public static EvaluatedModels Open(string forest, params IReadOnlyList<ComparedModel> others)
    {
        var opened = OpenForest.Load(forest);
        if (opened.Experts.Length == 0)
            throw new BtxException($"{opened.ManifestPath}: lists no expert that is ready; add one with: btx train expert");
        var context = int.MaxValue;
        TextTokenizer? tokenizer = null;
        foreach (var directory in opened.Models)
        {
            opened.RequireFit(directory);
            var config = LlamaConfig.Load(directory);
            tokenizer = TrainingRun.Tokenizer(directory, config);
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
            opened.RequireFit(directory, isBeside: true);
            TrainingRun.Tokenizer(directory, config);
            context = Math.Min(context, config.MaxPositionEmbeddings);
            if (config.Moe is { } m && name == EvaluationMode.Moe) moe = (m.Experts, m.ExpertsPerToken);
            using (Checkpoint.Open(directory)) { } // names a damaged file before btx.json only finds that the weights are others
            if (config.Moe is not null || name == EvaluationMode.Moe)
                BtxManifest.Of(directory, config, opened.Manifest.Tokenizer, CheckpointFiles.Hash(directory));
        }

        return new(opened, others, moe, tokenizer!, context);
    }
}
