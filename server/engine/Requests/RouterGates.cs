namespace Btx.Engine.Requests;

/// <summary>How a BTX model routed one position: the gate of each expert in each layer.</summary>
/// <param name="Experts">N.</param>
/// <param name="Values">[L, N], layer by layer; each layer sums to 1, 0 for experts that did not run.</param>
public sealed record RouterGates(int Experts, float[] Values)
{
    public int Layers => Values.Length / Experts;

    /// <summary>Mean gate over layers, summed over the experts of each domain; in the order of
    /// <see cref="MoeDescription.DomainNames"/>, sums to 1.</summary>
    public double[] ByDomain(MoeDescription moe)
    {
        var shares = new double[moe.DomainNames.Count];
        for (var d = 0; d < shares.Length; d++)
        {
            for (var e = 0; e < Experts; e++)
            {
                if (moe.Domains[e] == moe.DomainNames[d]) shares[d] += Mean(e);
            }
        }

        return shares;
    }

    /// <summary>Mean gate of an expert over layers.</summary>
    public double Mean(int expert)
    {
        var sum = 0.0;
        for (var i = expert; i < Values.Length; i += Experts) sum += Values[i];
        return sum / Layers;
    }
}
