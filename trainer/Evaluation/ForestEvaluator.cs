using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using TorchSharp;

namespace Btx.Trainer.Evaluation;

/// <summary>Measures a forest, its experts, its mixtures and its averages, and the models beside it on held-out text. Each model reads the
/// text once; mixtures follow from the experts' log-probabilities.</summary>
public sealed class ForestEvaluator
{
    private const string UniformAverage = "average:uniform", HeldOut = "\nheld-out";
    private readonly EvaluationOptions options;
    private readonly EvaluatedModels models;
    private readonly IReadOnlyList<EvaluationMode> modes;
    private readonly List<DomainText> texts = [];
    private readonly int context;

    /// <summary>Checks the request and reads the text; loads no model.</summary>
    /// <exception cref="BtxException">Models that do not belong together, a missing domain, an empty split, an unknown mode, …</exception>
    public ForestEvaluator(EvaluationOptions options, CancellationToken cancellation = default)
    {
        this.options = options;
        models = EvaluatedModels.Open(options.Forest, options.Models);
        string[] others = [.. models.Others.Select(m => m.Name)];
        modes = EvaluationModes.Parse(options.Modes.Count > 0 ? options.Modes : EvaluationModes.Default(models.Experts.Count, others),
            models.Forest.Names, others, options.Select, models.Moe);
        context = options.Context ?? models.MaxContext;
        if (context < 2 || context > models.MaxContext)
            throw new BtxException($"--context {context}: expected 2..{models.MaxContext}, the shortest context of the models");
        if (options.MaxTokensPerDomain < 0)
            throw new BtxException($"--max-tokens-per-domain {options.MaxTokensPerDomain}: expected 0 (all) or more");
        var corpus = CorpusDirectory.Open(options.Corpus);
        foreach (var domain in corpus.Select(options.Domains))
        {
            cancellation.ThrowIfCancellationRequested();
            texts.Add(Read(corpus, domain));
        }
    }

    /// <summary>Predicted tokens over all models: what <see cref="Run"/> reports progress in.</summary>
    public long TotalTokens
    {
        get
        {
            var averages = modes.Count(m => m.Routing is { Mode: RoutingMode.Average, Average: not AverageWeights.Argmax });
            return (texts.Sum(t => t.Tokens) * (models.Experts.Count + modes.Count(m => m.Model is not null) + averages))
                + (texts.Sum(t => SequencePacker.Predicted(t.HeldOut)) * models.Experts.Count);
        }
    }

    /// <param name="scored">Called with the number of predicted tokens just scored, from several threads.</param>
    public EvaluationReport Run(torch.Device device, Action<long> scored, CancellationToken cancellation = default)
    {
        var scores = new ConcurrentDictionary<(string Model, string Text), double[][]>(); // [sequence][token]
        (string, IReadOnlyList<int[]>)[] measured = [.. texts.Select(t => (t.Name, t.Sequences))];
        (string, IReadOnlyList<int[]>)[] both = [.. measured, .. texts.Select(t => (t.Name + HeldOut, t.HeldOut))];
        List<ModelRun> runs = [.. models.Forest.Models.Select((path, j) => new ModelRun(ExpertKey(j), () => Load(path), both))];
        runs.AddRange(modes.Where(m => m.Model is not null)
            .Select(m => new ModelRun(m.Key, () => Load(models.Other(m.Model!)!, m.Routing?.K), measured)));
        if (modes.Any(m => m.Key == UniformAverage))
            runs.Add(new(UniformAverage, () => Average(DomainPosterior.Uniform(models.Experts.Count)), measured));
        Score(runs);

        TargetPrior[] priors =
            [.. texts.Select(t => TargetPrior.Find(t.Name, models.Experts) ?? TargetPrior.Estimate(Experts(t.Name + HeldOut)))];
        if (modes.FirstOrDefault(m => m.Routing is { Mode: RoutingMode.Average, Average: AverageWeights.Posterior }) is { } posterior)
            Score([.. texts.Select((_, d) => new ModelRun(posterior.Key, () => Average(priors[d].Weights), [measured[d]]))]);

        EvaluatedDomain[] domains =
            [.. texts.AsParallel().AsOrdered().WithCancellation(cancellation).Select((t, d) => Domain(t, priors[d]))];
        return new(options, context, models.Forest.Names, domains, [.. modes.Select(m => m.Key)], TrainingBudget.Read(models),
            new TrainingHistory(models).Of(modes));

        LlamaModel Load(string directory, int? k = null) => LlamaCheckpoint.Load(directory, device, k);

        LlamaModel Average(double[] weights) => ModelAverage.Load(models.Forest.Models, weights, device);

        double[][][] Experts(string text) => [.. models.Experts.Select((_, j) => scores[(ExpertKey(j), text)])];

        // Each model is loaded once, scored and freed; several at a time.
        void Score(IReadOnlyList<ModelRun> runs)
        {
            var parallel = new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, options.Parallel), CancellationToken = cancellation };
            try
            {
                Parallel.ForEach(Partitioner.Create(runs, EnumerablePartitionerOptions.NoBuffering), parallel, run =>
                {
                    using var model = run.Load();
                    foreach (var (text, sequences) in run.Texts.Where(t => t.Sequences.Count > 0))
                        scores[(run.Model, text)] = TextScorer.LogProbs(model, sequences, scored, cancellation);
                });
            }
            catch (AggregateException e)
            {
                ExceptionDispatchInfo.Throw(e.Flatten().InnerExceptions[0]);
            }
        }

        EvaluatedDomain Domain(DomainText text, TargetPrior prior)
        {
            var experts = Experts(text.Name);
            var totals = modes.ToDictionary(m => m.Key, m => m.Routing switch
            {
                null or { Mode: RoutingMode.Moe } => Sum(scores[(m.Key, text.Name)]),
                { Mode: RoutingMode.Average, Average: AverageWeights.Argmax } => Sum(experts[ActiveSet.Largest(prior.Weights)]),
                { Mode: RoutingMode.Average } => Sum(scores[(m.Key, text.Name)]),
                { Mode: RoutingMode.Expert, Expert: var name } => Sum(experts[Array.IndexOf(models.Forest.Names, name)]),
                // only a fixed posterior knows the target domain
                { Mode: RoutingMode.Ensemble, Posterior: PosteriorKind.Fixed } => Mixed(experts, m.Routing, prior.Weights),
                _ => Mixed(experts, m.Routing, DomainPosterior.Uniform(experts.Length)),
            });
            var own = models.Experts.ToList().FindIndex(e => e.Domain == text.Name);
            var right = modes.Where(m => m.Routing?.Router == ExpertRouter.Probe && own >= 0)
                .Select(m => (m.Key, Share: RightExpert(experts, m.Routing!, own))).Where(m => m.Share is not null)
                .ToDictionary(m => m.Key, m => m.Share!.Value);
            return new(text.Name, text.Role, text.Sequences.Count, text.Tokens, text.Bytes, totals, prior) { RightExpert = right };
        }
    }

    private DomainText Read(CorpusDirectory corpus, CorpusDomain domain)
    {
        var sequences = Sequences(options.Split, options.MaxTokensPerDomain);
        var heldOut = TargetPrior.Find(domain.Name, models.Experts) is null
            ? SequencePacker.Take(Sequences(CorpusSplit.Validation, 0), CachedPrior.Sequences) : [];
        return new(domain.Name, domain.Role, sequences, SequencePacker.Predicted(sequences),
            SequencePacker.Bytes(sequences, models.Tokenizer), heldOut);

        List<int[]> Sequences(CorpusSplit split, long max)
        {
            var packed = SequencePacker.Pack(corpus.Read(domain, split).Select(d => d.Text), models.Tokenizer, context, max);
            return packed.Count > 0 ? packed
                : throw new BtxException($"{corpus.ShardPath(domain, split)}: domain {domain.Name} has no text in its "
                    + $"{split.ToString().ToLowerInvariant()} split; add documents or leave the domain out with --domains");
        }
    }

    // What the forest's mixture gives to a text in all, from [expert][sequence][token], as the server's Score does. The posterior starts
    // again at each sequence.
    private static double Mixed(double[][][] experts, Routing routing, double[] prior)
    {
        var total = 0.0;
        for (var s = 0; s < experts[0].Length; s++)
        {
            var mixed = new double[experts[0][s].Length];
            MixtureScore.Score([.. experts.Select(e => e[s])], routing, prior, 0, mixed);
            foreach (var logProb in mixed) total += logProb;
        }

        return total;
    }

    // The share of sequences longer than the probe in which it chose an expert; null: none is longer.
    private static double? RightExpert(double[][][] experts, Routing routing, int expert)
    {
        var longer = experts[0].Index().Where(s => s.Item.Length > routing.SelectTokens).Select(s => s.Index);
        return longer.Average(s =>
        {
            var scorer = new MixtureScorer(experts.Length, routing, DomainPosterior.Uniform(experts.Length));
            for (var t = 0; t < routing.SelectTokens; t++) scorer.Observe(t, [.. experts.Select(e => e[s][t])]);
            scorer.Weigh(routing.SelectTokens);
            return (double?)(scorer.Active[expert] ? 1 : 0);
        });
    }

    private static double Sum(double[][] logProbs) => logProbs.Sum(s => s.Sum());

    private static string ExpertKey(int index) => $"expert\n{index}";

    /// <summary>The text of one domain as token sequences, each of which begins with BOS.</summary>
    /// <param name="HeldOut">Of the validation split, to estimate the cached prior on; empty where a recorded prior serves.</param>
    private sealed record DomainText(
        string Name, CorpusRole Role, IReadOnlyList<int[]> Sequences, long Tokens, long Bytes, IReadOnlyList<int[]> HeldOut);

    /// <summary>A model to load and its texts, both by key.</summary>
    private sealed record ModelRun(string Model, Func<LlamaModel> Load, IReadOnlyList<(string Text, IReadOnlyList<int[]> Sequences)> Texts);
}
