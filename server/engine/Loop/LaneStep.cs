using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace Btx.Engine.Loop;

/// <summary>Runs one lane's rows of a step and reads what the model said of known text. One per worker: owns scratch.</summary>
internal sealed class LaneStep(int maxRows, int maxTokens)
{
    private readonly RunRow[] rows = new RunRow[maxRows];
    private readonly long[] tokens = new long[maxTokens];

    /// <returns>Why it failed, or null: then the lane's sequences fail, no other.</returns>
    public Exception? Run(LaneRows plan)
    {
        var lane = plan.Lane;
        try
        {
            var planned = CollectionsMarshal.AsSpan(plan.Rows);
            var at = 0;
            for (var r = 0; r < planned.Length; r++)
            {
                ref readonly var p = ref planned[r];
                var next = p.Wanted == 0 && p.Scored > 0 ? p.Sequence.Tokens[p.Start + p.Count] : 0;
                rows[r] = new RunRow(p.Member.Slot, p.Start, p.Count, p.Wanted, p.Sequence.Routing.K, p.Scored, next);
                for (var i = 0; i < p.Count; i++) tokens[at++] = p.Sequence.Tokens[p.Start + i];
            }

            lane.Load?.Clear();
            lane.Runner.Run(rows.AsSpan(0, planned.Length), tokens.AsSpan(0, at));
            for (var r = 0; r < planned.Length; r++)
            {
                Read(lane, planned[r], r);
                if (lane.Load is { } load) Count(load, planned[r], lane.Runner.Gates(r));
            }

            return null;
        }
        catch (OnnxRuntimeException e)
        {
            return SessionSettings.Failure(e, $"{lane.Title}: its run failed");
        }
        catch (OutOfMemoryException e)
        {
            return new BtxException(ErrorKind.Exhausted, $"{lane.Title}: not enough memory for its run", e);
        }
        catch (Exception e)
        {
            return e;
        }
    }

    private static void Count(MoeLoad load, PlannedRow p, ReadOnlySpan<float> gates)
    {
        load.Add(gates, p.Sequence.RoutedTokens);
        if (p.Sequence.ScoredGates.Length == 0) return;
        var size = load.Layers * load.Experts;
        for (var i = 0; i < p.Count; i++)
            p.Sequence.ScoredGates[p.Start + i] = new RouterGates(load.Experts, gates.Slice(i * size, size).ToArray());
    }

    private static void Read(Lane lane, PlannedRow p, int row)
    {
        var member = p.Member;
        member.Row = row;
        var likelihoods = lane.Runner.LogLikelihoods(row);
        var first = p.Start + p.Count - p.Wanted - p.Scored + 1;
        for (var i = 0; i < p.Scored; i++)
            member.LogProbs[first + i] = float.IsFinite(likelihoods[i]) ? likelihoods[i] : throw NotFinite(lane);
        for (var i = 0; i < p.Wanted; i++)
        {
            var logits = lane.Runner.Logits(row, i);
            var normaliser = LogitRow.LogNormaliser(logits);
            if (!double.IsFinite(normaliser)) throw NotFinite(lane);
            var predicted = p.Start + p.Count - p.Wanted + i + 1;
            if (predicted < p.Sequence.Length)
            {
                member.LogProbs[predicted] = logits[p.Sequence.Tokens[predicted]] - normaliser;
                continue;
            }

            (member.LogitsPosition, member.LogNormaliser) = (i, normaliser);
        }
    }

    private static BtxException NotFinite(Lane lane) =>
        new($"{lane.Title} gives logits that are not finite: its weights are damaged, or too large for their precision");
}
