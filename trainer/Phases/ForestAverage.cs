using System.Runtime.InteropServices;
using System.Text.Json;
using Btx.Model.Averaging;
using Btx.Model.Devices;
using Btx.Model.Forests;
using Btx.Model.Mixing;
using Btx.Model.Tensors;
using Btx.Model.Tokens;
using Btx.Trainer.Corpora;
using Btx.Trainer.Devices;
using Btx.Trainer.Shards;

namespace Btx.Trainer.Phases;

/// <summary>Writes the parameter average of a forest's ready experts (Branch-Train-Merge, section 2.3) and its weights.</summary>
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
        var (manifest, source) = (ForestManifest.Load(forest), Path.Combine(forest, ForestManifest.FileName));
        ExpertEntry[] ready = manifest.Present(forest, Console.Error.WriteLine);
        if (ready.Length == 0) throw new BtxException($"{forest} has no ready expert to average");
        string[] models = [.. ready.Select(e => ContainedPath.Resolve(forest, e.Path, source))];
        RequireRecorded(manifest, ready, models, source);
        var earlier = File.Exists(Path.Combine(output, FileName));
        if (Directory.Exists(output) && Directory.EnumerateFileSystemEntries(output).Any() && !(fresh && earlier))
            throw new BtxException($"--out {output} exists and is not empty; choose another directory{(earlier ? " or add --fresh" : "")}");
        var weights = Weights(manifest, ready, models, rule, domain, corpus, cancellation);
        ModelAverage.Write(models, weights, output);
        var shares = ready.Zip(weights).ToDictionary(p => p.First.Name, p => p.Second);
        var record = new { forest = manifest.Hash(), weights = rule.ToString().ToLowerInvariant(), domain, experts = shares };
        AtomicFile.WriteText(Path.Combine(output, FileName), JsonSerializer.Serialize(record, ManifestJson.Options) + "\n");
        return $"{output}: {string.Join(" + ", shares.Where(s => s.Value >= 0.0005).Select(s => $"{s.Value:F3} {s.Key}"))}";
    }

    /// <summary>Checks that architecture, tokenizer and weights of experts are those that the manifest records.</summary>
    /// <exception cref="BtxException">One is not; names the model and the manifest.</exception>
    internal static void RequireRecorded(ForestManifest manifest, ExpertEntry[] experts, string[] models, string source)
    {
        foreach (var (expert, model) in experts.Zip(models))
        {
            if (LlamaConfig.Load(model).Fingerprint() != manifest.Architecture)
                throw new BtxException($"{model}: its architecture (config.json) is not the one that {source} "
                    + "records; experts of a forest share one");
            if (TextTokenizer.Load(model).Hash != manifest.Tokenizer)
                throw new BtxException($"{model}: its tokenizer is not the one that {source} records; experts of a forest "
                    + "share one");
            if (CheckpointFiles.Hash(model) != expert.Sha256)
                throw new BtxException($"{model}: the weights of expert \"{expert.Name}\" are not those that {source} records; "
                    + "restore them or train the expert again");
        }
    }

    private static double[] Weights(ForestManifest manifest, ExpertEntry[] ready, string[] models, AverageWeights rule, string? domain,
        string? corpus, CancellationToken cancellation)
    {
        if (rule == AverageWeights.Uniform) return DomainPosterior.Uniform(ready.Length);
        if (domain is null) throw new BtxException("--weights argmax and posterior need the target domain: --domain NAME");
        string[] names = [.. ready.Select(e => e.Name)];
        var prior = manifest.Prior(domain, names) ?? (corpus is null ? null : Estimate(models, domain, corpus, cancellation));
        if (prior is null)
            throw new BtxException($"the forest has no cached prior of domain \"{domain}\" over its ready experts; it has "
                + $"{string.Join(", ", manifest.Priors(names).Keys)}; to estimate it add --corpus DIR");
        return AverageShares.Of(rule, prior);
    }

    private static double[] Estimate(string[] models, string domain, string corpus, CancellationToken cancellation)
    {
        var cache = new TokenShardCache(CorpusDirectory.Open(corpus), TextTokenizer.Load(models[0]));
        using var shard = cache.Open(TextSource.Of(domain), CorpusSplit.Validation, cancellation);
        var context = Math.Min(LlamaConfig.Load(models[0]).MaxPositionEmbeddings, 1024);
        return DomainPriors.Estimate(models, [new(shard, context, CachedPrior.Sequences)], TorchDevice.Open(DeviceSpec.Cpu, 1),
            Environment.ProcessorCount, null, cancellation)[0];
    }
}

/// <summary>Writes θ = Σ_j w_j θ_j of several models as a model directory, tensor by tensor from their mapped files.</summary>
public static class ModelAverage
{
    /// <summary>Builds the average in <paramref name="directory"/>, which appears whole.</summary>
    /// <param name="models">Directories of one architecture.</param>
    /// <param name="weights">Not negative, summing to 1.</param>
    /// <exception cref="BtxException">The architectures differ, a model is malformed, or the disk is full.</exception>
    public static void Write(IReadOnlyList<string> models, IReadOnlyList<double> weights, string directory)
    {
        var shares = ParameterAverage.Normalise(weights);
        var checkpoints = new List<Checkpoint>();
        try
        {
            foreach (var model in models)
            {
                checkpoints.Add(Checkpoint.Open(model));
                checkpoints[^1].Config.RequireDense(model);
                if (checkpoints[^1].Config.Fingerprint() != checkpoints[0].Config.Fingerprint())
                    throw new BtxException($"{model} and {models[0]} have different architectures (config.json); only equal ones "
                        + "can be averaged");
            }

            var config = checkpoints[0].Config with { TorchDtype = "float32" };
            using var target = new AtomicDirectory(directory);
            SafetensorsWriter.Write(Path.Combine(target.Building, CheckpointFiles.SingleFile),
                [.. config.TensorShapes().Select(t => (t.Name, TensorDtype.F32, t.Shape))],
                (name, bytes) => Average(checkpoints, shares, name, MemoryMarshal.Cast<byte, float>(bytes)));
            config.Save(target.Building);
            TokenizerFiles.Copy(models[0], target.Building);
            target.Commit();
        }
        catch (IOException e)
        {
            throw new BtxException($"cannot write {directory}: {e.Message}", e);
        }
        finally
        {
            foreach (var checkpoint in checkpoints) checkpoint.Dispose();
        }
    }

    private static void Average(List<Checkpoint> checkpoints, double[] weights, string name, Span<float> average)
    {
        var sum = new double[average.Length];
        for (var j = 0; j < weights.Length; j++)
        {
            if (weights[j] == 0) continue;
            checkpoints[j].CopyTo(name, average);
            ParameterAverage.Accumulate(average, weights[j], sum);
        }

        ParameterAverage.Round(sum, average);
    }
}
