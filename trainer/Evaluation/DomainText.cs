using Btx.Trainer.Corpora;

namespace Btx.Trainer.Evaluation;

/// <summary>The text of one domain as token sequences.</summary>
/// <param name="Sequences">To measure; each begins with BOS.</param>
/// <param name="Tokens">Predicted tokens of <paramref name="Sequences"/>.</param>
/// <param name="Bytes">UTF-8 bytes of those tokens.</param>
/// <param name="HeldOut">Sequences of the validation split that the cached prior is estimated
/// on; empty where a recorded prior serves.</param>
public sealed record DomainText(string Name, CorpusRole Role, IReadOnlyList<int[]> Sequences, long Tokens, long Bytes,
    IReadOnlyList<int[]> HeldOut)
{
    /// <exception cref="BtxException">The split holds no text.</exception>
    public static DomainText Read(CorpusDirectory corpus, CorpusDomain domain, EvaluatedModels models, EvaluationOptions options,
        int context, int heldOut)
    {
        var sequences = Sequences(options.Split, options.MaxTokensPerDomain);
        return new(
            domain.Name, domain.Role, sequences, sequences.Sum(s => (long)s.Length - 1), SequencePacker.Bytes(sequences, models.Tokenizer),
            heldOut == 0 ? [] : SequencePacker.Take(Sequences(CorpusSplit.Validation, 0), heldOut));

        List<int[]> Sequences(CorpusSplit split, long max)
        {
            var packed = SequencePacker.Pack(corpus.Read(domain, split).Select(d => d.Text), models.Tokenizer, context, max);
            return packed.Count > 0
                ? packed
                : throw new BtxException($"{corpus.ShardPath(domain, split)}: domain {domain.Name} has no text in its "
                    + $"{split.ToString().ToLowerInvariant()} split; add documents or leave the domain out with --domains");
        }
    }
}
