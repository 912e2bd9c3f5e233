using Microsoft.ML.OnnxRuntime;

namespace Btx.Exporter;

/// <summary>
/// Runs the served graphs on one model's weights and compares every logit, and every gate of a BTX model, with a plain reference: whole
/// prefill, prefill in chunks, rows of different lengths and pasts in one step, and decode on neighbouring slots.
/// </summary>
/// <param name="open">Opens a form with its weights bound.</param>
internal sealed class GraphCheck(LlamaConfig config, GraphPrecision precision, Func<GraphForm, InferenceSession> open)
{
    /// <returns>Largest |graph − reference| / max|reference| of a position's logits over all forms; for gates |graph −
    /// reference|.</returns>
    public double LargestDifference(PlainRun reference, CancellationToken cancellation = default)
    {
        var largest = 0.0;
        using var first = open(GraphForm.Ragged(1));
        foreach (var form in GraphForm.Served)
        {
            cancellation.ThrowIfCancellationRequested();
            using var session = form == GraphForm.Ragged(1) ? null : open(form);
            using var slots = new KvSlots(config, GraphForm.RaggedRows.Max() + 1, reference.Tokens.Length, precision);
            var prefill = Runner(first, slots, reference);
            var worst = form == GraphForm.Decode
                ? Decode(Runner(session!, slots, reference), prefill, reference)
                : Ragged(Runner(session ?? first, slots, reference), form.Rows, reference);
            largest = Math.Max(largest, Math.Max(worst, prefill.LikelihoodDifference));
        }

        return largest;
    }

    private GraphRunner Runner(InferenceSession session, KvSlots slots, PlainRun reference) =>
        new(session, config, slots) { ExpertsPerToken = position => reference.ExpertsPerToken[position] };

    /// <summary>Every row takes the same tokens, cut into chunks at different places: the row's number decides where.</summary>
    private static double Ragged(GraphRunner runner, int rows, PlainRun reference)
    {
        var worst = 0.0;
        var tokens = reference.Tokens;
        var past = new int[rows];
        for (var step = 0; past.Min() < tokens.Length; step++)
        {
            var batch = new RaggedRow[rows];
            for (var r = 0; r < rows; r++)
            {
                // A row that is through stays in the batch as padding: it writes its last position again.
                if (past[r] == tokens.Length) past[r]--;
                var length = rows == 1 && step == 0 ? Math.Max(1, tokens.Length / 2) : 1 + ((r + (3 * step)) % 5);
                batch[r] = new RaggedRow(rows - 1 - r, past[r], tokens[past[r]..Math.Min(tokens.Length, past[r] + length)]);
            }

            var logits = runner.Ragged(batch, [.. Enumerable.Range(0, batch.Sum(b => b.Tokens.Length)).Select(i => (long)i)]);
            var at = 0;
            foreach (var row in batch)
                for (var i = 0; i < row.Tokens.Length; i++)
                    worst = Math.Max(worst, Difference(runner, logits, at++, reference, row.Past + i));

            for (var r = 0; r < rows; r++) past[r] += batch[r].Tokens.Length;
        }

        if (rows > 1) return Math.Max(worst, runner.LikelihoodDifference);
        var whole = runner.Ragged([new RaggedRow(1, 0, tokens)], [.. Enumerable.Range(0, tokens.Length).Select(i => (long)i)]);
        worst = Math.Max(worst, runner.LikelihoodDifference);
        return Enumerable.Range(0, tokens.Length).Aggregate(worst, (w, i) => Math.Max(w, Difference(runner, whole, i, reference, i)));
    }

    /// <summary>Three neighbouring slots with different pasts, prefilled by the ragged graph, then decoded together to the end of the
    /// shortest way.</summary>
    private static double Decode(GraphRunner runner, GraphRunner prefill, PlainRun reference)
    {
        var tokens = reference.Tokens;
        int[] past = [.. new[] { 4, 2, 1 }.Select(divisor => Math.Max(1, (tokens.Length - 4) / divisor))];
        for (var r = 0; r < past.Length; r++) prefill.Ragged([new RaggedRow(1 + r, 0, tokens[..past[r]])], [0]);
        var worst = 0.0;
        while (past.Max() < tokens.Length)
        {
            var logits = runner.Decode(1, [.. past.Select(p => tokens[p])], past);
            for (var r = 0; r < past.Length; r++) worst = Math.Max(worst, Difference(runner, logits, r, reference, past[r]++));
        }

        return worst;
    }

    private static double Difference(GraphRunner runner, float[] logits, int row, PlainRun reference, int position)
    {
        var expected = reference.Logits[position];
        double largest = 0, scale = 0;
        for (var i = 0; i < expected.Length; i++)
        {
            Widen(ref largest, Math.Abs((double)logits[(row * expected.Length) + i] - expected[i]));
            scale = Math.Max(scale, Math.Abs(expected[i]));
        }

        largest /= Math.Max(scale, 1e-30);
        if (reference.Gates.Length == 0) return largest;
        var gates = reference.Gates[position];
        for (var i = 0; i < gates.Length; i++) Widen(ref largest, Math.Abs(runner.Gates[(row * gates.Length) + i] - gates[i]));
        return largest;
    }

    private static void Widen(ref double largest, double difference)
    {
        if (!(difference <= largest)) largest = double.IsNaN(difference) ? double.PositiveInfinity : difference;
    }
}

/// <summary>The tokens of the self-check: drawn from the whole vocabulary by a fixed recurrence, so a check can be repeated.</summary>
internal static class CheckPlan
{
    public const int MaxTokens = 24;

    // Routing that hangs on a hair is replaced so often; what remains is compared as it is.
    private const int MaxDraws = 12;

    /// <summary>At most <see cref="MaxTokens"/> ids, fewer if the context is shorter.</summary>
    public static int[] Tokens(int vocabulary, int context)
    {
        var tokens = new int[Math.Min(MaxTokens, context)];
        ulong state = 0x9E3779B97F4A7C15;
        for (var i = 0; i < tokens.Length; i++) tokens[i] = Draw(ref state, vocabulary);
        return tokens;
    }

    /// <summary>
    /// Runs the reference. A token whose router logits are so close that rounding alone may choose another expert is replaced by
    /// another: there the graph's choice is as right as the reference's, and nothing after it can be compared.
    /// </summary>
    /// <param name="k">Experts of the token at a position.</param>
    /// <param name="margin">See <see cref="PlainRun.Margins"/>.</param>
    public static PlainRun Run(PlainMixtral reference, int vocabulary, int context, Func<int, int> k, double margin,
        CancellationToken cancellation)
    {
        var tokens = Tokens(vocabulary, context);
        int[] experts = [.. Enumerable.Range(0, tokens.Length).Select(k)];
        ulong state = 0xD1B54A32D192ED03;
        for (var draw = 1; ; draw++)
        {
            var run = reference.Run(tokens, experts, cancellation);
            if (draw == MaxDraws || run.Margins.All(m => m >= margin)) return run;
            for (var t = 0; t < tokens.Length; t++)
                if (run.Margins[t] < margin) tokens[t] = Draw(ref state, vocabulary);
        }
    }

    private static int Draw(ref ulong state, int vocabulary)
    {
        state = (state * 6364136223846793005) + 1442695040888963407;
        return (int)((state >> 33) % (ulong)vocabulary);
    }
}
