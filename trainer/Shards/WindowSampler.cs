using System.Numerics;

namespace Btx.Trainer.Shards;

/// <summary>SplitMix64 (Steele, Lea and Flood 2014): its step, and the function that makes a random number of a state.</summary>
internal static class SplitMix64
{
    public const ulong Step = 0x9E3779B97F4A7C15;

    public static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}

/// <summary>All that a <see cref="WindowSampler"/> remembers: xoshiro256** words and how many windows it has drawn.</summary>
public readonly record struct SamplerState(ulong A, ulong B, ulong C, ulong D, long Drawn)
{
    /// <summary>Fills the words from a seed by SplitMix64.</summary>
    public static SamplerState Seeded(ulong seed)
    {
        ulong Next() => SplitMix64.Mix(seed += SplitMix64.Step);
        return new SamplerState(Next(), Next(), Next(), Next(), 0);
    }
}

/// <summary>Draws training windows with replacement: first a source by weight, then a start uniformly. Its random state is its own
/// (xoshiro256**, Blackman and Vigna 2018) and small, so a run resumes in the middle exactly.</summary>
public sealed class WindowSampler
{
    private readonly IReadOnlyList<TokenShard> shards;
    private readonly double[] cumulative;
    private readonly long[] window;

    /// <param name="weights">Share of each shard, not negative, with a positive sum.</param>
    public WindowSampler(IReadOnlyList<TokenShard> shards, IReadOnlyList<double> weights, int context, long seed)
    {
        if (shards.Count == 0 || shards.Count != weights.Count) throw new ArgumentException("one weight per shard", nameof(weights));
        this.shards = [.. shards.Select(s => s.Require(context))];
        var (total, sum) = (weights.Sum(), 0.0);
        cumulative = [.. weights.Select(w => (sum += w) / total)];
        window = new long[context + 1];
        State = SamplerState.Seeded((ulong)seed);
    }

    /// <summary>Set it to go on where another sampler of the same shards stood.</summary>
    public SamplerState State { get; set; }

    /// <summary>Fills one batch, [B·T] row-major: tokens 0..T-1 of each window, and tokens 1..T.</summary>
    public void Next(Span<long> inputs, Span<long> targets)
    {
        var context = window.Length - 1;
        for (var row = 0; row < inputs.Length; row += context)
        {
            var u = (Draw() >> 11) * (1.0 / (1UL << 53));
            var index = 0;
            while (index < cumulative.Length - 1 && u >= cumulative[index]) index++;
            shards[index].CopyTo((long)Below((ulong)(shards[index].Count - context)), window);
            window.AsSpan(0, context).CopyTo(inputs.Slice(row, context));
            window.AsSpan(1, context).CopyTo(targets.Slice(row, context));
            State = State with { Drawn = State.Drawn + 1 };
        }
    }

    // Lemire's multiply-shift with rejection: exactly uniform in 0..n-1.
    private ulong Below(ulong n)
    {
        var high = Math.BigMul(Draw(), n, out var low);
        if (low >= n) return high;
        for (var threshold = (0 - n) % n; low < threshold;) high = Math.BigMul(Draw(), n, out low);
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
