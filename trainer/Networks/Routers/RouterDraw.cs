namespace Btx.Trainer.Networks.Routers;

/// <summary>
/// Names one draw of random numbers, so that it can be repeated: a run that resumes at a step draws there what the
/// uninterrupted run drew.
/// </summary>
/// <param name="Seed">Of the run.</param>
/// <param name="Step">From 0.</param>
/// <param name="Part">Which of the step's accumulated batches, from 0.</param>
/// <param name="Layer">From 0.</param>
public readonly record struct RouterDraw(long Seed, long Step, int Part, int Layer)
{
    /// <summary>Seeds a generator: SplitMix64 over the four numbers.</summary>
    public ulong GeneratorSeed => Mix(Mix(Mix(Mix((ulong)Seed) ^ (ulong)Step) ^ (ulong)Part) ^ (ulong)Layer);

    private static ulong Mix(ulong x)
    {
        x += 0x9E3779B97F4A7C15;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }
}
