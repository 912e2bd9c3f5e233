namespace Btx.Engine.Scheduling;

/// <summary>What a BTX model's router did in a step, by layer and expert. Fixed buffers: adding allocates nothing.</summary>
internal sealed class MoeLoad(int layers, int experts)
{
    private readonly int[] tokens = new int[layers * experts];
    private readonly double[] mass = new double[layers * experts];

    public int Layers => layers;

    public int Experts => experts;

    /// <summary>Tokens that each expert computed, [L, N].</summary>
    public ReadOnlyMemory<int> Tokens => tokens;

    /// <summary>Gates given to each expert, summed over tokens, [L, N].</summary>
    public ReadOnlyMemory<double> Mass => mass;

    public void Clear()
    {
        Array.Clear(tokens);
        Array.Clear(mass);
    }

    /// <param name="gates">[T, L, N]; an expert computed the token if its gate is above 0.</param>
    /// <param name="perExpert">[N], counted up: tokens of one request that each expert computed, summed over layers.</param>
    public void Add(ReadOnlySpan<float> gates, Span<long> perExpert)
    {
        for (var at = 0; at < gates.Length; at += tokens.Length)
        {
            var e = 0;
            for (var i = 0; i < tokens.Length; i++)
            {
                var gate = gates[at + i];
                if (gate > 0)
                {
                    tokens[i]++;
                    mass[i] += gate;
                    perExpert[e]++;
                }

                if (++e == experts) e = 0;
            }
        }
    }
}
