using Btx.Engine;
using Btx.Engine.Forests;
using Btx.Engine.Requests;
using Btx.Model;
using Btx.Model.Forests;
using Btx.Model.Registry;

namespace Btx.Forest;

/// <summary>Compares the running forest with one built from scratch, from the files of a state, on one thread of low priority.</summary>
internal sealed class EqualityComparison(RegistryResources resources)
{
    /// <exception cref="BtxException">The forest cannot be built once more, or answers
    /// something else than the running one offers.</exception>
    /// <exception cref="RequestRejectedException">The server is shutting down.</exception>
    public async Task<EqualityCheck> RunAsync(ForestState state, EqualityProbe probe, CancellationToken cancellation)
    {
        var running = resources.Engine.Describe();
        _ = BuildQueue.Releases; // its thread is made by this one, not by one of low priority
        var expected = await BuildThread.RunAsync(() => Rebuilt(state, probe, running, cancellation)).ConfigureAwait(false);
        double largest = 0, scale = 0;
        var i = 0;
        foreach (var request in probe.Requests(running))
        {
            var score = await PriorEstimate.ScoreAsync(resources.Engine, request, cancellation).ConfigureAwait(false);
            foreach (var p in expected[i])
            {
                if (double.IsFinite(p)) scale = Math.Max(scale, Math.Abs(p));
            }

            largest = Math.Max(largest, Largest(score.LogProbs, expected[i++]));
        }

        return EqualityCheck.Of(probe.Sha256, probe.Tokens, largest, EqualityProbe.Tolerance(running.Precision, scale));
    }

    // Its threads inherit the priority. Nothing here may wait for the pool, whose threads would inherit it too.
    private List<double[]> Rebuilt(ForestState state, EqualityProbe probe, ForestDescription running, CancellationToken cancellation)
    {
        var options = resources.Serving with
        {
            Threads = 1,
            IntraOpThreads = 1,
            AllowSpinning = false,
            Slots = 1,
            PrepareAverages = false,
            Observer = null,
            Report = null,
            ContextLength = running.ContextLength
        };
        if (running.Damage.Moe is not null) (options, state) = (options with { Moe = null }, state with { Moe = null });
        state = state with
        {
            Experts = [
            .. state.Experts.Select(e => running.Damage.Experts.ContainsKey(e.Name) ? e with { Status = ExpertStatus.Quarantined } : e)]
        };
        var engine = SnapshotLoader.Start(options, state, prepack: false);
        try
        {
            var built = engine.Describe();
            if (!built.Experts.SequenceEqual(running.Experts) || !built.PriorDomains.SequenceEqual(running.PriorDomains)
                || !built.Averages.SequenceEqual(running.Averages) || built.Moe?.Sha256 != running.Moe?.Sha256)
                throw new BtxException("the forest that was built from scratch has other experts, averages or priors than the running one");
            var scores = new List<double[]>();
            foreach (var request in probe.Requests(built))
            {
                cancellation.ThrowIfCancellationRequested();
                scores.Add(engine.ScoreAsync(request, CancellationToken.None).GetAwaiter().GetResult().LogProbs);
            }

            return scores;
        }
        finally
        {
            engine.Stop();
        }
    }

    private static double Largest(double[] a, double[] b)
    {
        var largest = 0.0;
        for (var t = 0; t < a.Length; t++)
        {
            var difference = a[t] == b[t] ? 0 : Math.Abs(a[t] - b[t]); // two of −∞ are equal
            largest = Math.Max(largest, double.IsFinite(difference) ? difference : double.MaxValue);
        }

        return largest;
    }
}
