namespace Btx.Engine.Sampling;

/// <summary>One request's own random numbers (SplitMix64, Steele et al. 2014): the same seed gives the same numbers whatever else
/// runs.</summary>
internal struct RandomStream(long seed)
{
    private ulong state = unchecked((ulong)seed);

    /// <summary>Uniform in [0, 1), 53 bits.</summary>
    public double NextDouble()
    {
        var z = state += 0x9E3779B97F4A7C15UL;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return ((z ^ (z >> 31)) >> 11) * (1.0 / (1UL << 53));
    }
}
