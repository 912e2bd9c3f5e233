using Btx.Model.Mixing;
using Btx.Trainer.Corpora;

namespace Btx.Trainer.Evaluation;

/// <summary>One row of an evaluation: a model, or a way to mix the forest's experts.</summary>
/// <param name="Key">Name in tables and JSON: <c>seed</c>, <c>dense</c>, a compared model's name, <c>moe</c>,
/// <c>expert:NAME</c>, <c>ensemble</c>, <c>top_2</c>, …</param>
/// <param name="Routing">For what the forest or the BTX model does; null for <c>seed</c>, <c>dense</c> and compared models.</param>
public sealed record EvaluationMode(string Key, Routing? Routing)
{
    public const string Seed = "seed";
    public const string Dense = "dense";
    public const string Moe = "moe";

    /// <summary>Whether one model of its own answers: it reads the text itself. The rest follows
    /// from the experts' log-probabilities.</summary>
    public bool IsModel => Routing is null or { Mode: RoutingMode.Moe };
}

/// <summary>What every mode gives to one domain's text.</summary>
/// <param name="Tokens">Predicted tokens.</param>
/// <param name="Bytes">UTF-8 bytes of the predicted tokens.</param>
/// <param name="LogProb">Total log-probability in nats, by mode.</param>
/// <param name="Prior">Cached prior of the domain.</param>
public sealed record EvaluatedDomain(
    string Name, CorpusRole Role, int Sequences, long Tokens, long Bytes, IReadOnlyDictionary<string, double> LogProb, TargetPrior Prior)
{
    /// <summary>Total −log2 p over the UTF-8 bytes of the text: comparable between tokenizers.</summary>
    public double BitsPerByte(string mode) => -LogProb[mode] / Math.Log(2) / Bytes;

    /// <summary>exp of the mean −ln p per token.</summary>
    public double Perplexity(string mode) => Math.Exp(-LogProb[mode] / Tokens);
}
