using System.Numerics;

namespace Btx.Trainer.Shards;

/// <summary>
/// Draws training windows with replacement: first a source by weight, then a start uniformly. Its random state is its own
/// (xoshiro256**, Blackman and Vigna 2018) and small, so a run resumes in the middle exactly.
/// </summary>
public sealed class WindowSampler
{
    private readonly IReadOnlyList<TokenShard> shards;
    private readonly double[] cumulative;
    private readonly long[] window;

    /// <param name="weights">Share of each shard, not negative, with a positive sum.</param>
    /// <param name="context">T: predicted tokens in a window.</param>
    public WindowSampler(IReadOnlyList<TokenShard> shards, IReadOnlyList<double> weights, int context, long seed)
    {
        if (shards.Count == 0 || shards.Count != weights.Count) throw new ArgumentException("one weight per shard", nameof(weights));
        this.shards = [.. shards.Select(s => s.Require(context))];
        var total = weights.Sum();
        var sum = 0.0;
        cumulative = [.. weights.Select(w => (sum += w) / total)];
        window = new long[context + 1];
        State = SamplerState.Seeded((ulong)seed);
    }

    /// <summary>Set it to go on where another sampler of the same shards stood.</summary>
    public SamplerState State { get; set; }

    /// <summary>Fills one batch.</summary>
    /// <param name="inputs">[B·T], row-major: tokens 0..T-1 of each window.</param>
    /// <param name="targets">[B·T]: tokens 1..T.</param>
    public void Next(Span<long> inputs, Span<long> targets)
    {
        var context = window.Length - 1;
        for (var row = 0; row < inputs.Length; row += context)
        {
            var u = (Draw() >> 11) * (1.0 / (1UL << 53));
            var index = 0;
            while (index < cumulative.Length - 1 && u >= cumulative[index]) index++;
            var shard = shards[index];
            shard.CopyTo((long)Below((ulong)(shard.Count - context)), window);
            window.AsSpan(0, context).CopyTo(inputs.Slice(row, context));
            window.AsSpan(1, context).CopyTo(targets.Slice(row, context));
            State = State with { Drawn = State.Drawn + 1 };
        }
    }

    // Lemire's multiply-shift with rejection: exactly uniform in 0..n-1.
    private ulong Below(ulong n)
    {
        var high = Math.BigMul(Draw(), n, out var low);
        if (low < n)
        {
            var threshold = (0 - n) % n;
            while (low < threshold) high = Math.BigMul(Draw(), n, out low);
        }

        return high;
    }

    private ulong Draw()
    {
        var (a, b, c, d, drawn) = State;
        var result = BitOperations.RotateLeft(b * 5, 7) * 9;
        var t = b << 17;
        c ^= a;
        d ^= b;
        b ^= c;
        a ^= d;
        c ^= t;
        d = BitOperations.RotateLeft(d, 45);
        State = new SamplerState(a, b, c, d, drawn);
        return result;
    }
}
