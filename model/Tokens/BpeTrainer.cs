using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text;

namespace Btx.Model.Tokens;

/// <summary>Learns a byte-level BPE vocabulary from text. Ours: the tokenizer package cannot train.</summary>
public static class BpeTrainer
{
    /// <summary>Longer pre-tokens are counted in pieces of this many bytes; no useful token spans them.</summary>
    private const int MaxWordBytes = 512;

    public static TextTokenizer Train(IEnumerable<string> documents, int vocabSize, IReadOnlyList<string> specialTokens,
        IProgress<double>? progress = null, CancellationToken cancellationToken = default) =>
        Train(documents.Select(d => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(d)), vocabSize, specialTokens, progress,
        cancellationToken);

    /// <summary>
    /// Trains on <paramref name="documents"/>. Ids: special tokens first, then the 256 bytes in the order of the byte-level alphabet, then
    /// merges, best first. Text is brought into <see cref="TextNormalizer.Own"/>, here and by the tokenizer. The same documents give the
    /// same tokenizer, in any order and on any number of threads.
    /// </summary>
    /// <param name="documents">Text as UTF-8 (any bytes do); read once, by several threads in turn.</param>
    /// <param name="vocabSize">How many tokens, special ones included; fewer where the text has too few pairs that occur twice.</param>
    /// <param name="specialTokens">Control tokens; the first begins and ends documents. Documents are not searched for them.</param>
    /// <param name="progress">Told the fraction of merges found, 0 to 1.</param>
    /// <exception cref="BtxException">The size cannot hold the bytes and special tokens, or there is no text.</exception>
    public static TextTokenizer Train(IEnumerable<ReadOnlyMemory<byte>> documents, int vocabSize, IReadOnlyList<string> specialTokens,
        IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        var least = 256 + specialTokens.Count;
        if (vocabSize < least)
            throw new BtxException(
                $"vocabulary size {vocabSize} is too small; 256 bytes and {specialTokens.Count} special tokens need at least {least}");
        if (specialTokens.Any(string.IsNullOrEmpty) || specialTokens.Distinct(StringComparer.Ordinal).Count() != specialTokens.Count)
            throw new BtxException($"special tokens \"{string.Join(' ', specialTokens)}\" are not distinct and non-empty");
        if (specialTokens.FirstOrDefault(t => ByteAlphabet.ToBytes(t) is [_]) is { } single)
            throw new BtxException($"special token \"{single}\" is one character, which stands for a byte; give a longer one");
        progress?.Report(0);
        var words = CountWords(documents, cancellationToken);
        if (words.Count == 0)
            throw new BtxException("there is no text to train a tokenizer on; give at least one document that is not empty");
        var tokens = new List<string>(specialTokens);
        var byteIds = new int[256];
        foreach (var b in Enumerable.Range(0, 256).OrderBy(b => ByteAlphabet.Character((byte)b)))
        {
            byteIds[b] = tokens.Count;
            tokens.Add(ByteAlphabet.Character((byte)b).ToString());
        }

        var merges = LearnMerges(words, byteIds, tokens, vocabSize, progress, cancellationToken);
        progress?.Report(1);
        var document = specialTokens.Count > 0 ? specialTokens[0] : null;
        var definition = new TokenizerDefinition(
            tokens.Index().Skip(specialTokens.Count).ToDictionary(t => t.Item, t => t.Index, StringComparer.Ordinal), merges,
            [.. specialTokens.Select((content, id) => new AddedToken(id, content, Special: true, Normalized: false))],
            SplitPattern.Gpt2, TextNormalizer.Own, BosToken: document, EosToken: document, AddBos: document is not null);
        return new TextTokenizer(definition, "the trained tokenizer");
    }

    // Distinct pre-tokens and how often they occur; a character stands for a byte.
    private static Dictionary<string, long> CountWords(IEnumerable<ReadOnlyMemory<byte>> documents, CancellationToken cancellationToken)
    {
        var all = new Dictionary<string, long>(StringComparer.Ordinal);
        try
        {
            Parallel.ForEach(Partitioner.Create(documents, EnumerablePartitionerOptions.NoBuffering),
                new ParallelOptions { CancellationToken = cancellationToken, MaxDegreeOfParallelism = Environment.ProcessorCount },
                () => new Dictionary<string, long>(StringComparer.Ordinal),
                (document, _, counts) => Count(document.Span, counts),
                counts =>
                {
                    lock (all)
                        foreach (var (word, count) in counts) CollectionsMarshal.GetValueRefOrAddDefault(all, word, out _) += count;
                });
        }
        catch (AggregateException e)
        {
            // A document that could not be read should be reported as such, not as "one or more errors".
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(e.Flatten().InnerExceptions[0]);
        }

        return all;
    }

    private static Dictionary<string, long> Count(ReadOnlySpan<byte> text, Dictionary<string, long> counts)
    {
        text = TextNormalizer.Own.Apply(text);
        var lookup = counts.GetAlternateLookup<ReadOnlySpan<char>>();
        var scanner = new PreTokenScanner(text, SplitPattern.Gpt2);
        Span<char> word = stackalloc char[MaxWordBytes];
        for (var at = 0; at < text.Length;)
        {
            var end = scanner.End(at);
            while (at < end)
            {
                var length = Encoding.Latin1.GetChars(text[at..Math.Min(end, at + MaxWordBytes)], word);
                CollectionsMarshal.GetValueRefOrAddDefault(lookup, word[..length], out _)++;
                at += length;
            }
        }

        return counts;
    }

    private static List<(int, int, int)> LearnMerges(Dictionary<string, long> words, int[] byteIds, List<string> tokens, int vocabSize,
        IProgress<double>? progress, CancellationToken cancellationToken)
    {
        var learner = new MergeLearner(words, byteIds);
        var merges = new List<(int, int, int)>();
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var id = 0; id < tokens.Count; id++) ids.TryAdd(tokens[id], id);
        var specials = byteIds.Min();
        var needed = vocabSize - tokens.Count;
        var step = Math.Max(1, needed / 200);
        while (tokens.Count < vocabSize && learner.TryBest(out var left, out var right))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var token = tokens[left] + tokens[right];
            if (!ids.TryGetValue(token, out var id))
            {
                ids.Add(token, id = tokens.Count);
                tokens.Add(token);
                if ((id - byteIds.Length) % step == 0) progress?.Report((double)(needed - (vocabSize - tokens.Count)) / needed);
            }
            else if (id < specials)
            {
                // Text must never become a control token.
                learner.Forget(left, right);
                continue;
            }

            learner.Merge(left, right, id);
            merges.Add((left, right, id));
        }

        return merges;
    }
}
