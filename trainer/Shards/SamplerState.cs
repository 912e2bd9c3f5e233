namespace Btx.Trainer.Shards;

/// <summary>All that a <see cref="WindowSampler"/> remembers: xoshiro256** words and how many windows it has drawn.</summary>
public readonly record struct SamplerState(ulong A, ulong B, ulong C, ulong D, long Drawn)
{
    /// <summary>Fills the words from a seed by SplitMix64.</summary>
    public static SamplerState Seeded(ulong seed)
    {
        ulong Next()
        {
            var z = seed += 0x9E3779B97F4A7C15UL;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
            return z ^ (z >> 31);
        }

        return new SamplerState(Next(), Next(), Next(), Next(), 0);
    }
}
