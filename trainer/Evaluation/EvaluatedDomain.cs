using Btx.Trainer.Corpora;

namespace Btx.Trainer.Evaluation;

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
