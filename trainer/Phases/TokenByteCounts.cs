using Btx.Model.Tokens;

namespace Btx.Trainer.Phases;

/// <summary>How many bytes of text each token id stands for; 0 for special tokens and unused ids.</summary>
internal static class TokenByteCounts
{
    public static int[] Of(TextTokenizer tokenizer, int vocabSize) =>
        [.. Enumerable.Range(0, vocabSize).Select(id => tokenizer.IsSpecial(id) ? 0 : tokenizer.TokenBytes(id).Length)];
}
