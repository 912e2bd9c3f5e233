using Btx.Model.Averaging;

namespace Btx.Trainer.Phases;

/// <summary>Writes the parameter average of a forest's ready experts (Branch-Train-Merge, section 2.3) and its weights.</summary>
public static class ForestAverage
{
    public const string FileName = "average.json";

    /// <param name="domain">Needed by argmax and posterior.</param>
    /// <param name="corpus">Where to estimate the prior of a domain that no expert has.</param>
    /// <exception cref="BtxException">No ready expert, no prior for the domain, or <paramref name="output"/> is taken.</exception>
    public static string Write(string forest, AverageWeights rule, string? domain, string? corpus, string output, bool fresh,
        CancellationToken cancellation = default)
    {
        var opened = OpenForest.Load(forest);
        if (opened.Experts.Length == 0) throw new BtxException($"{forest} has no ready expert to average");
        opened.RequireRecorded();
        var earlier = File.Exists(Path.Combine(output, FileName));
        if (Directory.Exists(output) && Directory.EnumerateFileSystemEntries(output).Any() && !(fresh && earlier))
            throw new BtxException($"--out {output} exists and is not empty; choose another directory{(earlier ? " or add --fresh" : "")}");
        var weights = Weights(opened, rule, domain, corpus, cancellation);
        ModelAverage.Write(opened.Models, weights, output);
        var shares = opened.Names.Zip(weights).ToDictionary(p => p.First, p => p.Second);
        ManifestJson.Save(new { forest = opened.Manifest.Hash(), weights = rule.ToString().ToLowerInvariant(), domain, experts = shares },
            Path.Combine(output, FileName));
        return $"{output}: {string.Join(" + ", shares.Where(s => s.Value >= 0.0005).Select(s => $"{s.Value:F3} {s.Key}"))}";
    }

    private static double[] Weights(OpenForest forest, AverageWeights rule, string? domain, string? corpus, CancellationToken cancellation)
    {
        if (rule == AverageWeights.Uniform) return DomainPosterior.Uniform(forest.Experts.Length);
        if (domain is null) throw new BtxException("--weights argmax and posterior need the target domain: --domain NAME");
        var prior = forest.Manifest.Prior(domain, forest.Names)
            ?? (corpus is null ? null : Estimate(forest.Models, domain, corpus, cancellation));
        if (prior is null)
            throw new BtxException($"the forest has no cached prior of domain \"{domain}\" over its ready experts; it has "
                + $"{string.Join(", ", forest.Manifest.Priors(forest.Names).Keys)}; to estimate it add --corpus DIR");
        return AverageShares.Of(rule, prior);
    }

    private static double[] Estimate(string[] models, string domain, string corpus, CancellationToken cancellation)
    {
        using var cache = new TokenShardCache(CorpusDirectory.Open(corpus), TextTokenizer.Load(models[0]));
        var shard = cache.Open(TextSource.Of(domain), CorpusSplit.Validation, cancellation);
        var context = Math.Min(LlamaConfig.Load(models[0]).MaxPositionEmbeddings, 1024);
        return DomainPriors.Estimate(models, [new(shard, context, CachedPrior.Sequences)], TorchDevice.Open(DeviceSpec.Cpu, 1),
            Environment.ProcessorCount, null, cancellation)[0];
    }
}
