using System.Text.Json;
using Btx.V1;

namespace Btx.Server.Verbs;

/// <summary>What the scores of one or several texts add up to.</summary>
/// <param name="Tokens">Of all texts, the first of each among them.</param>
/// <param name="Predicted">Tokens that were predicted: all but the first of each text.</param>
/// <param name="Bytes">UTF-8 bytes of the predicted tokens.</param>
/// <param name="Nats">Minus the sum of their log-probabilities.</param>
internal sealed record ScoreTotal(int Documents, long Tokens, long Predicted, long Bytes, double Nats)
{
    private static readonly JsonSerializerOptions Words = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

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
    public string ToJson() => JsonSerializer.Serialize(
        new
        {
            Documents,
            Tokens = Predicted,
            Bytes,
            NatsPerToken = Finite(NatsPerToken),
            Perplexity = Finite(Perplexity),
            BitsPerByte = Finite(BitsPerByte)
        }, Words) + "\n";

    private static double Finite(double value) => double.IsFinite(value) ? value : double.MaxValue;
}
