namespace Btx.Model.Mixing;

/// <summary>How a forest answers.</summary>
public enum RoutingMode
{
    /// <summary>All experts, mixed by the posterior.</summary>
    Ensemble,

    /// <summary>The k experts with the largest posterior, renormalised.</summary>
    TopK,

    /// <summary>The smallest set of experts whose posterior mass reaches p, renormalised.</summary>
    TopP,

    /// <summary>One model made by averaging parameters.</summary>
    Average,

    /// <summary>One expert by name.</summary>
    Expert,

    /// <summary>The token-routed mixture (BTX).</summary>
    Moe,
}
