namespace Btx.Model.Moe;

/// <summary>
/// Ridge regression from hidden states to domains (Hoerl and Kennard 1970): W minimises Σ_j
/// mean_{x of j} ‖W x − (e_j − 1/N)‖² / N + μ ‖W‖², so
/// <c>W_j = (C + μ I)⁻¹ (m_j − m) / N</c> with m_j the mean state of domain j, m their mean, C = Σ_j E_j[x xᵀ] / N, μ = λ · tr C / d.
/// Each domain weighs alike however much text it gave. Labels are centred, so the rows sum to 0; a
/// Mixtral router has no bias, so states are not.
/// </summary>
public static class RidgeRouter
{
    /// <summary>λ where nobody names one.</summary>
    public const double DefaultLambda = 1e-3;

    /// <param name="domains">The layer's statistics, by domain.</param>
    /// <param name="lambda">λ > 0.</param>
    /// <returns>[N·d], row-major, not yet scaled.</returns>
    public static double[] Fit(IReadOnlyList<LayerStatistics> domains, double lambda)
    {
        int n = domains.Count, d = domains[0].Sum.Length;
        var moments = new double[(long)d * d];
        foreach (var domain in domains)
        {
            var share = 1.0 / (n * (double)domain.Count);
            for (var i = 0; i < moments.Length; i++) moments[i] += share * domain.Gram[i];
        }

        double trace = 0;
        for (var i = 0; i < d; i++) trace += moments[(i * d) + i];
        for (var i = 0; i < d; i++) moments[(i * d) + i] += lambda * trace / d;
        var factor = new CholeskyFactor(moments, d);
        var rows = CentroidRouter.Offsets(domains);
        for (var j = 0; j < n; j++)
        {
            var row = rows.AsSpan(j * d, d);
            for (var i = 0; i < d; i++) row[i] /= n;
            factor.Solve(row);
        }

        return rows;
    }
}
