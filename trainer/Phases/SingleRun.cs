using Btx.Cli;
using Btx.Model.Configuration;
using Btx.Trainer.Checkpoints;
using Btx.Trainer.Corpora;
using Btx.Trainer.Shards;

namespace Btx.Trainer.Phases;

/// <summary>A run in this process with its progress on the terminal: seed, dense baseline, fine-tune.</summary>
internal static class SingleRun
{
    /// <param name="domains">Empty: every domain that is to be trained on.</param>
    /// <param name="settle">The options once the tokens of the text are known.</param>
    public static TrainingJob Job(
        string phase, string corpus, string? shards, string tokenizer, IReadOnlyList<string> domains, LlamaConfig architecture,
        Func<long, TrainingOptions> settle, CancellationToken cancellation)
    {
        var opened = CorpusDirectory.Open(corpus);
        TextSource[] sources = [.. opened.Select(domains, CorpusRole.Train).Select(d => TextSource.Of(d.Name))];
        var cache = new TokenShardCache(opened, TrainingRun.Tokenizer(tokenizer, architecture), shards);
        return new()
        {
            Phase = phase,
            Name = phase,
            Corpus = Path.GetFullPath(corpus),
            Shards = shards is null ? null : Path.GetFullPath(shards),
            Tokenizer = Path.GetFullPath(tokenizer),
            Sources = sources,
            Architecture = architecture,
            Options = settle(sources.Sum(s => cache.Count(s, CorpusSplit.Train, cancellation))),
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
        var line = trained ? RunSummary.Of(record)
            : $"{RunSummary.Of(record)}: finished earlier, nothing to do ({directory}; --fresh trains it again)";
        if (item is null) display.WriteLine(line);
        else item.Finish(line);
        return record;
    }
}
