using System.Globalization;
using System.Text.Json;
using Btx.Model;
using Btx.Model.Averaging;
using Btx.Model.Configuration;
using Btx.Model.Devices;
using Btx.Model.Files;
using Btx.Model.Forests;
using Btx.Model.Mixing;
using Btx.Model.Tensors;
using Btx.Model.Tokens;
using Btx.Trainer.Corpora;
using Btx.Trainer.Devices;
using Btx.Trainer.Shards;

namespace Btx.Trainer.Phases;

/// <summary>Writes the parameter average of a forest's ready experts (Branch-Train-Merge,
/// section 2.3) with a record of its weights.</summary>
public static class ForestAverage
{
    public const string FileName = "average.json";

    /// <param name="domain">Needed by argmax and posterior.</param>
    /// <param name="corpus">Where to estimate the prior of a domain that no expert has.</param>
    /// <param name="fresh">Replace an average made earlier.</param>
    /// <returns>What was made, in one line.</returns>
    /// <exception cref="BtxException">No ready expert, no prior for the domain, or <paramref name="output"/> is taken.</exception>
    public static string Write(string forest, AverageWeights rule, string? domain, string? corpus, string output, bool fresh,
        CancellationToken cancellation = default)
    {
        var manifest = ForestManifest.Load(forest);
        ExpertEntry[] ready = manifest.Present(forest, Console.Error.WriteLine);
        if (ready.Length == 0) throw new BtxException($"{forest} has no ready expert to average");
        string[] models = [.. ready.Select(e => ContainedPath.Resolve(forest, e.Path, Path.Combine(forest, ForestManifest.FileName)))];
        RequireRecorded(manifest, ready, models, Path.Combine(forest, ForestManifest.FileName));
        var taken = Directory.Exists(output) && Directory.EnumerateFileSystemEntries(output).Any();
        if (taken && !(fresh && File.Exists(Path.Combine(output, FileName))))
            throw new BtxException($"--out {output} exists and is not empty; choose another "
                + $"directory{(File.Exists(Path.Combine(output, FileName)) ? " or add --fresh" : "")}");
        var weights = Weights(manifest, ready, models, rule, domain, corpus, cancellation);
        ModelAverage.Write(models, weights, output);
        var shares = ready.Select((e, j) => (e.Name, Weight: weights[j])).ToDictionary(p => p.Name, p => p.Weight);
        AtomicFile.WriteText(
            Path.Combine(output, FileName),
            JsonSerializer.Serialize(new
            {
                forest = manifest.Hash(),
                weights = rule.ToString().ToLowerInvariant(),
                domain,
                experts = shares
            }, ManifestJson.Options) + "\n");
        return $"{output}: " + string.Join(" + ",
            shares.Where(s => s.Value >= 0.0005).Select(s => s.Value.ToString("F3", CultureInfo.InvariantCulture) + " " + s.Key));
    }

    /// <summary>Checks that architecture, tokenizer and weights of experts are those that the manifest records.</summary>
    /// <exception cref="BtxException">One is not; names the model and the manifest.</exception>
    internal static void RequireRecorded(ForestManifest manifest, ExpertEntry[] experts, string[] models, string source)
    {
        for (var j = 0; j < experts.Length; j++)
        {
            if (LlamaConfig.Load(models[j]).Fingerprint() != manifest.Architecture)
                throw new BtxException($"{models[j]}: its architecture (config.json) is not the one that {source} "
                    + "records; experts of a forest share one");
            if (TextTokenizer.Load(models[j]).Hash != manifest.Tokenizer)
                throw new BtxException($"{models[j]}: its tokenizer is not the one that {source} records; experts of a forest share one");
            if (CheckpointFiles.Hash(models[j]) != experts[j].Sha256)
                throw new BtxException($"{models[j]}: the weights of expert \"{experts[j].Name}\" are not those that {source} records; "
                    + "restore them or train the expert again");
        }
    }

    private static double[] Weights(ForestManifest manifest, ExpertEntry[] ready, string[] models, AverageWeights rule, string? domain,
        string? corpus, CancellationToken cancellation)
    {
        if (rule == AverageWeights.Uniform) return DomainPosterior.Uniform(ready.Length);
        if (domain is null) throw new BtxException("--weights argmax and posterior need the target domain: --domain NAME");
        string[] names = [.. ready.Select(e => e.Name)];
        var prior = manifest.Prior(domain, names);
        if (prior is null && corpus is not null) prior = Estimate(models, domain, corpus, cancellation);
        if (prior is null)
            throw new BtxException($"the forest has no cached prior of domain \"{domain}\" over its ready experts; it has "
                + $"{string.Join(", ", manifest.Priors(names).Keys)}; to estimate it add --corpus DIR");
        return AverageShares.Of(rule, prior);
    }

    private static double[] Estimate(string[] models, string domain, string corpus, CancellationToken cancellation)
    {
        var context = LlamaConfig.Load(models[0]).MaxPositionEmbeddings;
        using var shard = new TokenShardCache(CorpusDirectory.Open(corpus), TextTokenizer.Load(models[0])).Open(TextSource.Of(domain),
            CorpusSplit.Validation, cancellation);
        var windows = new ValidationWindows(shard, Math.Min(context, 1024), CachedPrior.Sequences);
        return DomainPriors.Estimate(models, [windows], TorchDevice.Open(DeviceSpec.Cpu, 1), Environment.ProcessorCount, null,
            cancellation)[0];
    }
}
