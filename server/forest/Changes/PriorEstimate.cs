namespace Btx.Forest;

/// <summary>The cached prior of sample text, with an expert that is being added: DEMix's moving average of the posterior.</summary>
internal sealed class PriorEstimate(ForestEngine engine, EngineOptions options)
{
    /// <summary>Tokens that scoring adds to a step while requests run.</summary>
    public const int Chunk = 16;

    private static readonly TimeSpan Wait = TimeSpan.FromMilliseconds(20);

    /// <param name="added">Not in the loop; null: the served experts alone.</param>
    /// <returns>π by expert, and how many sequences of how many tokens there were.</returns>
    public async Task<(IReadOnlyDictionary<string, double> Prior, int Sequences, int Tokens)> OverAsync(string text, string what,
        ServedModel? added, Action<double>? done, CancellationToken cancellation)
    {
        var forest = engine.Describe();
        var sequences = SampleText.Sequences(text, what, engine.Tokenizer, forest.ContextLength);
        var scores = new List<double[]>();
        foreach (var name in forest.Experts)
        {
            var totals = new double[sequences.Count];
            for (var i = 0; i < totals.Length; i++)
            {
                var score = await ScoreAsync(engine, new ScoreRequest(sequences[i],
                    new Routing { Mode = RoutingMode.Expert, Expert = name }), cancellation);
                totals[i] = score.LogProbs.Sum();
                done?.Invoke((scores.Count + ((i + 1.0) / totals.Length)) / (forest.Experts.Count + 1));
            }

            scores.Add(totals);
        }

        if (added is not null)
            scores.Add(await BuildThread.RunAsync(() => Score(added.Runner, sequences, cancellation)));
        var prior = CachedPrior.Estimate(scores);
        string[] names = added is null ? [.. forest.Experts] : [.. forest.Experts, added.Name];
        return (Enumerable.Range(0, names.Length).ToDictionary(j => names[j], j => prior[j], StringComparer.Ordinal), sequences.Count,
            sequences[0].Length - 1);
    }

    /// <summary>Scores on the running forest a little at a time; waits while its queue is full.</summary>
    public static async Task<ScoreResult> ScoreAsync(ForestEngine engine, ScoreRequest request, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                return await engine.ScoreAsync(request with { Chunk = Chunk }, cancellation);
            }
            catch (RequestRejectedException e) when (e.Kind == ErrorKind.Busy)
            {
                await Task.Delay(Wait, cancellation);
            }
        }
    }

    private double[] Score(IModelRunner runner, IReadOnlyList<int[]> sequences, CancellationToken cancellation)
    {
        var most = Math.Min(options.PrefillChunk, options.MaxBatchTokens);
        var tokens = new long[most];
        var totals = new double[sequences.Count];
        for (var i = 0; i < totals.Length; i++)
        {
            var sequence = sequences[i];
            for (var past = 0; past < sequence.Length - 1;)
            {
                cancellation.ThrowIfCancellationRequested();
                var count = Math.Min(most, sequence.Length - 1 - past);
                for (var t = 0; t < count; t++) tokens[t] = sequence[past + t];
                runner.Run([new RunRow(0, past, count, 0, Scored: count, Next: sequence[past + count])], tokens.AsSpan(0, count));
                foreach (var likelihood in runner.LogLikelihoods(0)) totals[i] += likelihood;
                past += count;
            }
        }

        return totals;
    }
}

/// <summary>Text of a domain as windows of equal length, spread evenly, each starting on a token that is not predicted.</summary>
internal static class SampleText
{
    /// <summary>Predicted tokens of a sequence, where there is enough text.</summary>
    public const int Longest = 128;

    /// <summary>Less says too little about a domain.</summary>
    public const int Shortest = 16;

    /// <returns>At most <see cref="CachedPrior.Sequences"/> of up to <see cref="Longest"/> + 1 tokens.</returns>
    public static IReadOnlyList<int[]> Sequences(string text, string what, TextTokenizer tokenizer, int context)
    {
        var tokens = tokenizer.Encode(text);
        var longest = Math.Min(Longest, context - 1);
        var least = Math.Min(Shortest, longest);
        if (tokens.Length <= least)
            throw new BtxException(ErrorKind.Precondition, $"{what}: the sample text has {tokens.Length} tokens; give more than {least}, "
                + $"better {CachedPrior.Sequences * Longest}");
        var length = Math.Clamp((tokens.Length - 1) / CachedPrior.Sequences, least, longest);
        var available = (tokens.Length - 1) / length;
        var count = Math.Min(CachedPrior.Sequences, available);
        return [.. Enumerable.Range(0, count).Select(i => (int)((long)i * available / count) * length)
            .Select(at => tokens[at..(at + length + 1)])];
    }
}
