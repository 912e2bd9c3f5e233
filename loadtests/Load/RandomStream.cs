namespace Btx.LoadTests.Load;

/// <summary>Random draws that are the same on every machine (SplitMix64: Steele, Lea, Flood 2014). Each stream and index has its own: what
/// one request draws does not move the next.</summary>
public struct RandomStream(long seed, int stream, long index = 0)
{
    /// <summary>What a stream is for: the same prompts come whatever the arrivals are.</summary>
    public const int Arrivals = 1, Prompts = 2, Calibration = 3;

    private ulong _state = Mix(Mix((ulong)seed ^ 0x9E3779B97F4A7C15) + ((ulong)stream * 0xD1B54A32D192ED03))
        ^ Mix((ulong)index + 0x8CB92BA72F3D8DD7);

    /// <summary>Uniform in [0, 1).</summary>
    public double Uniform() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Uniform in 0..<paramref name="count"/> - 1.</summary>
    public int Below(int count) => (int)(Uniform() * count);

    /// <summary>Exponential of mean 1.</summary>
    public double Exponential() => -Math.Log(1 - Uniform());

    /// <summary>Standard normal (Box and Muller).</summary>
    public double Normal() => Math.Sqrt(2 * Exponential()) * Math.Cos(2 * Math.PI * Uniform());

    /// <summary>Not negative.</summary>
    public long Seed() => (long)(Next() >> 2);

    private ulong Next() => Mix(_state += 0x9E3779B97F4A7C15);

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
