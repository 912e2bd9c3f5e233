using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text;
using System.Text.Json;

namespace Btx.Trainer.Verbs;

/// <summary><c>btx tokenizer</c>: trains a byte-level BPE vocabulary on a corpus, and shows one.</summary>
internal static class TokenizerVerb
{
    private const string EndOfText = "<|endoftext|>";
    private const long DefaultSampleMegabytes = 32;

    public static Command Create() =>
        new("tokenizer", "Train a byte-level BPE vocabulary on a corpus, or look at one.") { Train(), Show() };

    private static Command Train()
    {
        const string text =
            """
            Train a vocabulary and write it as tokenizer.json and tokenizer_config.json (Hugging Face's form). The text is a sample of
            the training splits with an equal share of each domain.

            Examples:
              btx tokenizer train --corpus corpus --out tokenizer
              btx tokenizer train --corpus corpus --domains novels,python --vocab-size 2048 --out tokenizer
            """;
        var corpus = new Flag<string>("--corpus DIR", "corpus directory") { Required = true };
        var domains = Flags.Names("--domains A,B", "only these domains, separated by commas (default: every train domain)");
        var size = new Flag<int?>("--vocab-size N",
            "tokens in all, special ones included (what suits the size of the text, as btx corpus says)");
        var sample = new Flag<long>("--sample-mb N", "most text to read, in MB", DefaultSampleMegabytes);
        var output = new Flag<string>("--out DIR", "directory for the tokenizer") { Required = true };
        var json = new JsonFlag();
        size.Validators.Add(result => CheckRange(result, 257, int.MaxValue, $"the 256 bytes and {EndOfText} need 257"));
        sample.Validators.Add(result => CheckRange(result, 1, 1_000_000, "it is in MB"));
        var command = new Command("train", text) { corpus, domains, size, sample, output, json };
        return command.Does((parsed, cancellation) => Train(parsed.GetValue(corpus)!, parsed.GetValue(domains)!, parsed.GetValue(size),
            parsed.GetValue(sample) * 1_000_000, parsed.GetValue(output)!, parsed.GetValue(json), cancellation));
    }

    private static void Train(string corpusPath, string[] names, int? vocabulary, long sampleBytes, string output, string? json,
        CancellationToken cancellation)
    {
        var corpus = CorpusDirectory.Open(corpusPath);
        var domains = corpus.Select(names, CorpusRole.Train);
        var size = vocabulary ?? TextAdvice.VocabularyFor(domains.Sum(d => d.Train.Bytes));
        TextTokenizer tokenizer;
        long read = 0;
        using (var display = new ProgressDisplay())
        {
            var total = Math.Min(sampleBytes, domains.Sum(d => d.Train.Bytes));
            var reading = display.Start("read", total, "bytes");
            ProgressItem? merging = null;
            var progress = new DirectProgress<double>(fraction =>
            {
                if (fraction <= 0) return;
                reading.Finish($"read {Quantity.Bytes(read)} of {string.Join(", ", domains.Select(d => d.Name))}");
                merging ??= display.Start("merge", size, "tokens");
                merging.Report(fraction * size);
            });
            var documents = BalancedSample.Read(corpus, domains, sampleBytes).Select(document =>
            {
                var bytes = (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(document.Text);
                reading.Report(read += bytes.Length);
                return bytes;
            });
            tokenizer = BpeTrainer.Train(documents, size, [EndOfText], progress, cancellation);
        }

        tokenizer.Save(output);
        if (tokenizer.VocabSize < size)
            Console.WriteLine($"note: the text gave {tokenizer.VocabSize} tokens, fewer than the {size} asked for");
        Console.WriteLine($"tokenizer: {tokenizer.VocabSize} tokens in {output}");
        var tokens = Measure(tokenizer, corpus, domains, json, cancellation);
        Console.WriteLine($"about {Quantity.WithUnit(tokens, "tokens")} to train on; next:\n  "
            + $"{new TextAdvice(tokenizer.VocabSize, tokens).Seed(corpusPath, output)}");
    }

    private static Command Show()
    {
        const string text =
            """
            Show a tokenizer: its size, its special tokens, the tokens of a text, and bytes per token on a corpus's validation splits.

            Examples:
              btx tokenizer show tokenizer
              btx tokenizer show tokenizer --text "Es war einmal"
              btx tokenizer show tokenizer --corpus corpus --json figures.json
            """;
        var directory = new Argument<string>("DIR") { Description = "directory with tokenizer.json" };
        var sentence = new Flag<string?>("--text TEXT", "show the tokens of this text");
        var corpus = new Flag<string?>("--corpus DIR", "measure on this corpus");
        var json = new JsonFlag();
        var command = new Command("show", text) { directory, sentence, corpus, json };
        return command.Does((parsed, cancellation) =>
        {
            var tokenizer = TextTokenizer.Load(parsed.GetValue(directory)!);
            Console.WriteLine($"{tokenizer.VocabSize} tokens, SHA-256 {tokenizer.Hash}");
            Console.WriteLine($"begin {Name(tokenizer, tokenizer.BosId)}{(tokenizer.AddBos ? ", added to every text" : "")}; "
                + $"end {Name(tokenizer, tokenizer.EosId)}");
            foreach (var id in parsed.GetValue(sentence) is { } shown ? tokenizer.Encode(shown) : [])
                Console.WriteLine($"{id,8}  {JsonSerializer.Serialize(tokenizer.Decode([id], skipSpecial: false))}");
            if (parsed.GetValue(corpus) is not { } path) return;
            var opened = CorpusDirectory.Open(path);
            Measure(tokenizer, opened, opened.Domains, parsed.GetValue(json), cancellation);
        });
    }

    /// <summary>Prints UTF-8 bytes per token on each domain's validation split: more is better compression.</summary>
    /// <returns>About how many tokens the training splits have.</returns>
    private static long Measure(TextTokenizer tokenizer, CorpusDirectory corpus, IReadOnlyList<CorpusDomain> domains, string? json,
        CancellationToken cancellation)
    {
        var figures = new Dictionary<string, double>();
        var training = 0.0;
        foreach (var domain in domains)
        {
            long bytes = 0, tokens = 0;
            foreach (var document in corpus.Read(domain, CorpusSplit.Validation))
            {
                cancellation.ThrowIfCancellationRequested();
                bytes += Encoding.UTF8.GetByteCount(document.Text);
                tokens += tokenizer.Encode(document.Text).Length;
            }

            training += domain.Train.Bytes / Math.Max(1.0, (double)bytes / Math.Max(1, tokens));
            figures[domain.Name] = tokens > 0 ? Math.Round((double)bytes / tokens, 4) : 0;
        }

        Console.WriteLine($"bytes per token: {string.Join(", ", figures.Select(f => $"{f.Key} {f.Value:F2}"))}");
        if (json is not null)
            AtomicFile.WriteText(json, JsonSerializer.Serialize(
                new { vocab_size = tokenizer.VocabSize, hash = tokenizer.Hash, bytes_per_token = figures }) + "\n");
        return Math.Max(1, (long)training);
    }

    private static void CheckRange(OptionResult result, long least, long most, string why)
    {
        if (result.Tokens is [{ Value: var given }] && long.TryParse(given, out var value) && (value < least || value > most))
            result.AddError($"{result.Option.Name} {given} is not from {least} to {most}: {why}.");
    }

    private static string Name(TextTokenizer tokenizer, int? id) =>
        id is { } i ? $"{tokenizer.Decode([i], skipSpecial: false)} ({i})" : "none";
}
