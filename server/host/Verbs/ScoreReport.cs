using Btx.V1;

namespace Btx.Server.Verbs;

/// <summary>A score as JSON. An expert that the routing did not run has no entry under <c>experts</c>. JSON has no infinity: the
/// log-probability of something impossible is written as the lowest double.</summary>
internal static class ScoreJson
{
    /// <param name="moe">The BTX model whose routing the score holds; null: none.</param>
    public static string Write(ScoreResponse score, MoeModel? moe = null)
    {
        var json = new Dictionary<string, object>
        {
            ["tokens"] = score.Tokens,
            ["logprobs"] = Numbers(score.Logprobs),
            ["experts"] = score.Experts.Where(e => e.Logprobs.Count > 0).ToDictionary(e => e.Name, e => Numbers(e.Logprobs)),
            ["posterior"] = score.Experts.ToDictionary(e => e.Name, e => Numbers(e.Posterior)),
        };
        if (moe is not null) json["routing"] = Routing(score, moe);
        if (score.Windows.Count > 1) json["windows"] = score.Windows.Select(w => new { start = w.Start, end = w.End, first = w.First });
        return JsonSerializer.Serialize(json) + "\n";
    }

    private static object Routing(ScoreResponse score, MoeModel moe) => new
    {
        layers = moe.Layers,
        experts = moe.Experts.Select(expert => expert.Name),
        gates = score.Routed.Select(position => position.Gates.Chunk(moe.Experts.Count)),
        domains = score.Routed[0].Domains.Select((share, d) => (share.Domain, d))
            .ToDictionary(domain => domain.Domain, domain => Numbers(score.Routed.Select(position => position.Domains[domain.d].Share))),
    };

    private static IEnumerable<double> Numbers(IEnumerable<double> numbers) =>
        numbers.Select(number => double.IsFinite(number) ? number : double.MinValue);
}

/// <summary>What the scores of one or several texts add up to.</summary>
/// <param name="Tokens">Of all texts, the first of each among them.</param>
/// <param name="Predicted">Tokens that were predicted: all but the first of each text.</param>
/// <param name="Bytes">UTF-8 bytes of the predicted tokens.</param>
/// <param name="Nats">Minus the sum of their log-probabilities.</param>
internal sealed record ScoreTotal(int Documents, long Tokens, long Predicted, long Bytes, double Nats)
{
    private static readonly JsonSerializerOptions s_words = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public double NatsPerToken => Nats / Predicted;

    public double Perplexity => Math.Exp(NatsPerToken);

    public double BitsPerByte => Nats / Math.Log(2) / Bytes;

    public static ScoreTotal Of(IReadOnlyList<ScoreResponse> scores) => new(
        scores.Count,
        scores.Sum(score => (long)score.Tokens.Count),
        scores.Sum(score => (long)score.Logprobs.Count),
        scores.Sum(score => score.PredictedBytes),
        -scores.Sum(score => score.Logprobs.Sum()));

    /// <summary>JSON has no infinity: it is written as the largest double.</summary>
    public string ToJson() => JsonSerializer.Serialize(new
    {
        Documents,
        Tokens = Predicted,
        Bytes,
        NatsPerToken = Finite(NatsPerToken),
        Perplexity = Finite(Perplexity),
        BitsPerByte = Finite(BitsPerByte),
    }, s_words) + "\n";

    private static double Finite(double value) => double.IsFinite(value) ? value : double.MaxValue;
}
