using Btx.Model;
using Btx.Model.Mixing;
using Btx.Trainer.Corpora;
using Btx.Trainer.Networks;
using TorchSharp;

namespace Btx.Trainer.Evaluation;

/// <summary>
/// Measures a forest, its experts, its mixtures and its averages, a seed and a dense baseline on held-out text. Each model reads the
/// text once; mixtures follow from the experts' log-probabilities.
/// </summary>
public sealed class ForestEvaluator
{
    private const string UniformAverage = "average:uniform", HeldOut = "\nheld-out";
    private readonly EvaluationOptions options;
    private readonly EvaluatedModels models;
    private readonly IReadOnlyList<EvaluationMode> modes;
    private readonly IReadOnlyList<DomainText> texts;
    private readonly int context;

    private ForestEvaluator(EvaluationOptions options, EvaluatedModels models, IReadOnlyList<EvaluationMode> modes,
        IReadOnlyList<DomainText> texts, int context)
    {
        (this.options, this.models, this.modes, this.texts, this.context) = (options, models, modes, texts, context);
    }

    /// <summary>Checks the request and reads the text; loads no model.</summary>
    /// <exception cref="BtxException">Models that do not belong together, a missing domain, an empty split, an
    /// unknown mode, a context that is too long.</exception>
    public static ForestEvaluator Open(EvaluationOptions options, CancellationToken cancellation = default)
    {
        var models = EvaluatedModels.Open(options.Forest, options.SeedModel, options.Dense, options.Models, options.Btx);
        string[] compared = [.. models.Compared.Select(m => m.Name)];
        var (seed, dense) = (options.SeedModel is not null, options.Dense is not null);
        var texts = options.Modes.Count > 0 ? options.Modes
            : EvaluationModes.Default(models.Experts.Count, seed, dense, compared, models.Moe.Experts);
        var modes = EvaluationModes.Parse(texts, models.ExpertNames, seed, dense, options.Select, compared, models.Moe);
        var context = options.Context ?? models.MaxContext;
        if (context < 2 || context > models.MaxContext)
            throw new BtxException($"--context {context}: expected 2..{models.MaxContext}, the shortest "
                + "max_position_embeddings of the models");
        if (options.MaxTokensPerDomain < 0)
            throw new BtxException($"--max-tokens-per-domain {options.MaxTokensPerDomain}: expected 0 (all) or more");
        var corpus = CorpusDirectory.Open(options.Corpus);
        var read = new List<DomainText>();
        foreach (var domain in corpus.Select(options.Domains))
        {
            cancellation.ThrowIfCancellationRequested();
            var heldOut = TargetPrior.Find(domain.Name, models.Experts) is null ? CachedPrior.Sequences : 0;
            read.Add(DomainText.Read(corpus, domain, models, options, context, heldOut));
        }

        return new(options, models, modes, read, context);
    }

    /// <summary>Predicted tokens over all models: what <see cref="Run"/> reports progress in.</summary>
    public long TotalTokens
    {
        get
        {
            long measured = texts.Sum(t => t.Tokens), heldOut = texts.Sum(t => t.HeldOut.Sum(s => (long)s.Length - 1));
            return (measured * (models.Experts.Count + modes.Count(m => m.IsModel)
                + modes.Count(m => m.Routing is { Mode: RoutingMode.Average, Average: not AverageWeights.Argmax })))
                + (heldOut * models.Experts.Count);
        }
    }

    /// <param name="device">Where the models run.</param>
    /// <param name="scored">Hears predicted tokens as they are done, from several threads.</param>
    public EvaluationReport Run(torch.Device device, Action<long> scored, CancellationToken cancellation = default)
    {
        var scores = new ModelScores(options.Parallel, scored, cancellation);
        var measured = texts.Select(t => (t.Name, t.Sequences)).ToArray();
        var heldOut = texts.Select(t => (t.Name + HeldOut, t.HeldOut)).ToArray();
        var runs = new List<(string, Func<LlamaModel>, IReadOnlyList<(string, IReadOnlyList<int[]>)>)>();
        for (var j = 0; j < models.Experts.Count; j++)
        {
            var directory = models.ExpertDirectories[j];
            runs.Add((ExpertKey(j), () => LlamaCheckpoint.Load(directory, device), [.. measured, .. heldOut]));
        }

        runs.AddRange(modes.Where(m => m.IsModel)
            .Select(m => (m.Key, (Func<LlamaModel>)(() => LoadModel(m, device)), (IReadOnlyList<(string, IReadOnlyList<int[]>)>)measured)));
        if (Has(UniformAverage)) runs.Add((UniformAverage, () => Average(DomainPosterior.Uniform(models.Experts.Count)), measured));
        scores.Run(runs);

        var priors = texts.Select(t => TargetPrior.Find(t.Name, models.Experts) ?? TargetPrior.Estimate(Experts(t.Name + HeldOut)))
            .ToArray();
        if (modes.FirstOrDefault(m => m.Routing is { Mode: RoutingMode.Average, Average: AverageWeights.Posterior }) is { } posterior)
            scores.Run([.. texts.Select((t, d) => (posterior.Key, (Func<LlamaModel>)(() => Average(priors[d].Weights)),
                (IReadOnlyList<(string, IReadOnlyList<int[]>)>)[measured[d]]))]);

        return new()
        {
            Options = options,
            Context = context,
            Experts = models.ExpertNames,
            Modes = [.. modes.Select(m => m.Key)],
            Budget = TrainingBudget.Read(models),
            Compute = new TrainingHistory(models).Of(modes),
            Domains = [.. texts.AsParallel().AsOrdered().WithCancellation(cancellation).Select((t, d) => Domain(t, priors[d]))],
        };

        LlamaModel Average(double[] weights) => AveragedModel.Build(models.ExpertDirectories, weights, device);

        double[][][] Experts(string text) => [.. Enumerable.Range(0, models.Experts.Count).Select(j => scores[ExpertKey(j), text])];

        EvaluatedDomain Domain(DomainText text, TargetPrior prior)
        {
            var experts = Experts(text.Name);
            var totals = modes.ToDictionary(m => m.Key, m => m.Routing switch
            {
                null or { Mode: RoutingMode.Moe } => Sum(scores[m.Key, text.Name]),
                { Mode: RoutingMode.Average, Average: AverageWeights.Argmax } => Sum(experts[ActiveSet.Largest(prior.Weights)]),
                { Mode: RoutingMode.Average } => Sum(scores[m.Key, text.Name]),
                { Mode: RoutingMode.Expert, Expert: var name } => Sum(experts[models.ExpertNames.ToList().IndexOf(name!)]),
                var routing => ForestMixture.Total(experts, routing, ForestMixture.Prior(routing, prior)),
            });
            return new(text.Name, text.Role, text.Sequences.Count, text.Tokens, text.Bytes, totals, prior);
        }
    }

    private LlamaModel LoadModel(EvaluationMode mode, torch.Device device) => mode switch
    {
        { Key: EvaluationMode.Seed } => LlamaCheckpoint.Load(models.Seed!, device),
        { Key: EvaluationMode.Dense } => LlamaCheckpoint.Load(models.Dense!, device),
        { Routing: { } moe } => LlamaCheckpoint.Load(models.Btx!, device, moe.K),
        _ => LlamaCheckpoint.Load(models.Compared.Single(m => m.Name == mode.Key).Directory, device),
    };

    private static double Sum(double[][] logProbs) => logProbs.Sum(s => s.Sum());

    private static string ExpertKey(int index) => $"expert\n{index}";

    private bool Has(string key) => modes.Any(m => m.Key == key);
}
