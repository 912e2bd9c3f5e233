using System.Globalization;
using Btx.Trainer.Evaluation;

namespace Btx.Trainer.Phases;

/// <summary>A run in this process with its progress on the terminal: seed, dense baseline, fine-tune.</summary>
internal static class SingleRun
{
    /// <param name="domains">Empty: every domain that is to be trained on.</param>
    /// <param name="settle">The options once the tokens of the text are known.</param>
    public static TrainingJob Job(string phase, string corpus, string? shards, string tokenizer, IReadOnlyList<string> domains,
        LlamaConfig architecture, Func<long, TrainingOptions> settle, CancellationToken cancellation)
    {
        var opened = CorpusDirectory.Open(corpus);
        TextSource[] sources = [.. opened.Select(domains, CorpusRole.Train).Select(d => TextSource.Of(d.Name))];
        using var cache = new TokenShardCache(opened, TrainingRun.Tokenizer(tokenizer, architecture), shards);
        return new()
        {
            Phase = phase,
            Name = phase,
            Corpus = Path.GetFullPath(corpus),
            Shards = shards is null ? null : Path.GetFullPath(shards),
            Tokenizer = Path.GetFullPath(tokenizer),
            Sources = sources,
            Architecture = architecture,
            Options = settle(sources.Sum(s => cache.Open(s, CorpusSplit.Train, cancellation).Count)),
        };
    }

    public static RunRecord Execute(TrainingJob job, string directory, RunSettings settings, CancellationToken cancellation)
    {
        using var display = new ProgressDisplay();
        ProgressItem? item = null;
        var (record, trained) = new TrainingRun(job, directory, settings, p =>
        {
            item ??= display.Start(job.Name, p.TotalTokens, "tokens", p.Resumed);
            item.Report(p.Tokens, p.Note);
        }, display.WriteLine).Execute(cancellation);
        var line = record.Summary + (trained ? "" : $": finished earlier, nothing to do ({directory}; --fresh trains it again)");
        if (item is null) display.WriteLine(line);
        else item.Finish(line);
        return record;
    }
}

/// <summary>Trains the same job for a short while at several learning rates and keeps the one with the lowest validation bits per byte.
/// Resumable: each rate is a run of its own under <c>sweep/</c>.</summary>
internal static class LearningRateSweep
{
    public const string FileName = "lr_sweep.json";

    /// <summary>The job at the best of the rates that a user named; as it is where none was.</summary>
    /// <param name="tokens">Training tokens at each rate, which the schedule is scaled to; null: an eighth of the job's.</param>
    /// <exception cref="BtxException">One is no rate, or there is no validation.</exception>
    public static TrainingJob Choose(TrainingJob job, string directory, IReadOnlyList<string> rates, long? tokens, RunSettings settings,
        CancellationToken cancellation)
    {
        if (rates.Count == 0) return job;
        double[] parsed = [.. rates.Select(Rate)];
        if (settings.ValidationWindows < 1) throw new BtxException("--validation-windows is 0; --lr-sweep needs validation to choose by");
        var budget = tokens ?? Math.Max(1, job.Options.Tokens / 8);
        var bits = new SortedDictionary<string, double>(StringComparer.Ordinal);
        foreach (var rate in parsed)
        {
            var trial = job with { Name = $"lr {rate:R}", Options = job.Options with { LearningRate = rate, Tokens = budget } };
            var record = SingleRun.Execute(trial, Path.Combine(directory, "sweep", $"lr-{rate:R}"), settings, cancellation);
            bits[$"{rate:R}"] = record.ValidationBitsPerByte!.Values.Average();
        }

        var best = parsed.MinBy(rate => bits[$"{rate:R}"]);
        ManifestJson.Save(new { tokens_per_rate = budget, validation_bits_per_byte = bits, best }, Path.Combine(directory, FileName));
        return job with { Options = job.Options with { LearningRate = best } };
    }

    /// <summary>The rate that the sweep of an earlier run chose.</summary>
    /// <exception cref="BtxException">The directory has no sweep.</exception>
    public static double Best(string directory) => RecordFile.Read(Path.Combine(directory, FileName)).Number("best")
        ?? throw new BtxException($"--lr-of {directory}: there is no {FileName}; name a run with --lr-sweep");

    private static double Rate(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var rate) && rate > 0 ? rate
            : throw new BtxException($"--lr-sweep: \"{text}\" is not a learning rate; expected numbers such as 2e-3,4e-3");
}
