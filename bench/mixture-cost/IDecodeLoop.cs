namespace Btx.Bench.Mixture;

/// <summary>Decodes one sequence of one model.</summary>
internal interface IDecodeLoop : IDisposable
{
    /// <param name="expertsPerToken">k; not read by a dense model.</param>
    /// <returns>Milliseconds a step.</returns>
    double Run(int expertsPerToken, int steps, Random random);
}
