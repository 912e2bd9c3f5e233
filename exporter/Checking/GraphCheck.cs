using Btx.Exporter.Graphs;
using Btx.Exporter.Sessions;
using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Devices;
using Btx.Model.Tensors;
using Microsoft.ML.OnnxRuntime;

namespace Btx.Exporter.Checking;

/// <summary>
/// Runs the graphs of a served forest on one expert's weights and compares every logit with <see cref="PlainLlama"/>: whole prefill,
/// prefill in chunks, rows of different lengths and pasts in one step, and decode on neighbouring slots.
/// </summary>
internal sealed class GraphCheck(string graphDirectory, GraphPrecision precision, DeviceSpec device, int threads)
{
    /// <param name="source">The expert's own checkpoint: what the reference reads.</param>
    /// <param name="bound">The weights that the graphs will be served with: <paramref name="source"/>, or its conversion.</param>
    /// <returns>Largest |graph − reference| / max|reference| over all forms.</returns>
    public double LargestDifference(Checkpoint source, Checkpoint bound, CancellationToken cancellation = default)
    {
        var config = source.Config;
        var tokens = CheckPlan.Tokens(config.VocabSize, config.MaxPositionEmbeddings);
        var reference = PlainLlama.Logits(source, tokens, cancellation);
        using var weights = new CheckedWeights(bound, precision, device);
        var largest = 0.0;
        using var first = weights.Open(graphDirectory, GraphForm.Ragged(1), threads);
        foreach (var form in GraphForm.Served)
        {
            cancellation.ThrowIfCancellationRequested();
            using var session = form == GraphForm.Ragged(1) ? null : weights.Open(graphDirectory, form, threads);
            using var slots = new KvSlots(config, GraphForm.RaggedRows.Max() + 1, tokens.Length, precision);
            var prefill = new GraphRunner(first, config, slots);
            var worst = form == GraphForm.Decode
                ? Decode(new GraphRunner(session!, config, slots), prefill, tokens, reference)
                : Ragged(new GraphRunner(session ?? first, config, slots), form.Rows, tokens, reference);
            largest = Math.Max(largest, worst);
        }

        return largest;
    }

    /// <summary>Every row takes the same tokens, cut into chunks at different places: the row's number decides where.</summary>
    private static double Ragged(GraphRunner runner, int rows, int[] tokens, float[][] reference)
    {
        var worst = 0.0;
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
            {
                for (var i = 0; i < row.Tokens.Length; i++) worst = Math.Max(worst, Difference(logits, at++, reference[row.Past + i]));
            }

            for (var r = 0; r < rows; r++) past[r] += batch[r].Tokens.Length;
        }

        if (rows > 1) return worst;
        var whole = runner.Ragged([new RaggedRow(1, 0, tokens)], [.. Enumerable.Range(0, tokens.Length).Select(i => (long)i)]);
        return Enumerable.Range(0, tokens.Length).Aggregate(worst, (w, i) => Math.Max(w, Difference(whole, i, reference[i])));
    }

    /// <summary>Three neighbouring slots with different pasts, prefilled by the ragged graph, then decoded together to the end of the shortest way.</summary>
    private static double Decode(GraphRunner runner, GraphRunner prefill, int[] tokens, float[][] reference)
    {
        int[] past = [.. new[] { 4, 2, 1 }.Select(divisor => Math.Max(1, (tokens.Length - 4) / divisor))];
        for (var r = 0; r < past.Length; r++) prefill.Ragged([new RaggedRow(1 + r, 0, tokens[..past[r]])], [0]);
        var worst = 0.0;
        while (past.Max() < tokens.Length)
        {
            var logits = runner.Decode(1, [.. past.Select(p => tokens[p])], past);
            for (var r = 0; r < past.Length; r++) worst = Math.Max(worst, Difference(logits, r, reference[past[r]++]));
        }

        return worst;
    }

    private static double Difference(float[] logits, int row, float[] reference)
    {
        double largest = 0, scale = 0;
        for (var i = 0; i < reference.Length; i++)
        {
            var difference = Math.Abs((double)logits[(row * reference.Length) + i] - reference[i]);
            if (!(difference <= largest)) largest = double.IsNaN(difference) ? double.PositiveInfinity : difference;
            scale = Math.Max(scale, Math.Abs(reference[i]));
        }

        return largest / Math.Max(scale, 1e-30);
    }
}
