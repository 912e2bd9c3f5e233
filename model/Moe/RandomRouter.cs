namespace Btx.Model.Moe;

/// <summary>
/// W ~ Normal(0, 2 / 5d): the deviation that the network's other matrices begin with (arXiv 1910.05895), so that the logits of a
/// normalised state have a deviation of about 0.6 whatever d is. Knows no domain: to be fine-tuned.
/// </summary>
public static class RandomRouter
{
    /// <summary>By layer [N·d], row-major. The same seed gives the same weights everywhere.</summary>
    public static float[][] Make(int layers, int experts, int hidden, long seed)
    {
        var deviation = Math.Sqrt(2.0 / (5.0 * hidden));
        var state = (ulong)seed;
        var router = new float[layers][];
        for (var l = 0; l < layers; l++)
        {
            router[l] = new float[(long)experts * hidden];
            for (var i = 0; i < router[l].Length; i++) router[l][i] = (float)(deviation * Normal());
        }

        return router;

        // Box and Muller (1958), the cosine half.
        double Normal()
        {
            var (u, v) = (Uniform(), Uniform());
            return Math.Sqrt(-2 * Math.Log(1 - u)) * Math.Cos(2 * Math.PI * v);
        }

        // SplitMix64, 53 bits in [0, 1).
        double Uniform()
        {
            var z = state += 0x9E3779B97F4A7C15UL;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
            return ((z ^ (z >> 31)) >> 11) * (1.0 / (1UL << 53));
        }
    }
}
