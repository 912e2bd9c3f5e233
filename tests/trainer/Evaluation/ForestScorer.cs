using Btx.Model;
using Btx.Model.Averaging;
using Btx.Model.Mixing;
using Btx.Trainer.Evaluation;
using Btx.Trainer.Networks;
using TorchSharp;

namespace Btx.Trainer.Tests.Evaluation;

/// <summary>
/// Scores given token sequences under a forest, token by token: the experts' own log-probabilities and any routing's mixture of them,
/// averages included. What the server's Score answers, computed by the trainer's network.
/// </summary>
public sealed class ForestScorer
{
    private readonly EvaluatedModels models;
    private readonly IReadOnlyDictionary<string, double[]> priors;
    private readonly torch.Device device;

    private ForestScorer(EvaluatedModels models, torch.Device device)
    {
        (this.models, this.device) = (models, device);
        priors = models.Manifest.Priors(models.Forest.Names);
    }

    /// <summary>Names of the experts, in the order of every [E].</summary>
    public IReadOnlyList<string> Experts => models.Forest.Names;

    /// <exception cref="BtxException">No forest there, or its experts do not belong together.</exception>
    public static ForestScorer Open(string forest, torch.Device device) => new(EvaluatedModels.Open(forest), device);

    /// <summary>[E][sequence][n − 1] in nats; see <see cref="TextScorer.LogProbs"/>.</summary>
    public double[][][] LogProbs(IReadOnlyList<int[]> sequences) => [.. models.Forest.Models.Select(directory =>
    {
        using var model = LlamaCheckpoint.Load(directory, device);
        return TextScorer.LogProbs(model, sequences);
    })];

    /// <summary>The mixture's log-probabilities of one sequence, n − 1 values in nats.</summary>
    /// <param name="tokens">n token ids.</param>
    /// <param name="expertLogProbs">[E][n − 1] of that sequence, from <see cref="LogProbs"/>.</param>
    /// <param name="weights">[E][n − 1], out: the weights used; null if not wanted. Left alone by mode average.</param>
    /// <exception cref="BtxException">The routing is not valid for this forest.</exception>
    public double[] Score(int[] tokens, IReadOnlyList<double[]> expertLogProbs, Routing routing, IReadOnlyList<double[]>? weights = null)
    {
        if (RoutingRules.Problem(routing, Experts, [.. priors.Keys]) is { } problem) throw new BtxException(problem);
        if (routing.Mode == RoutingMode.Average)
        {
            using var model = ModelAverage.Load(models.Forest.Models,
                AverageShares.Of(routing.Average, Prior(routing.Average == AverageWeights.Uniform ? null : routing.AverageDomain)), device);
            return TextScorer.LogProbs(model, [tokens])[0];
        }

        var logProbs = new double[tokens.Length - 1];
        var prior = Prior(routing.PriorDomain);
        var expert = routing.Mode == RoutingMode.Expert ? Experts.ToList().IndexOf(routing.Expert!) : 0;
        MixtureScore.Score(expertLogProbs, routing, prior, expert, logProbs, weights);
        return logProbs;
    }

    private double[] Prior(string? domain) => domain is null ? DomainPosterior.Uniform(Experts.Count) : priors[domain];
}
