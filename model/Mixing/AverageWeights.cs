namespace Btx.Model.Mixing;

/// <summary>Weights of a parameter average.</summary>
public enum AverageWeights
{
    Uniform,

    /// <summary>The expert with the largest cached prior for the target domain, alone.</summary>
    Argmax,

    /// <summary>The cached prior of the target domain.</summary>
    Posterior,
}
