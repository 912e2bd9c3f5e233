namespace Btx.Model.Registry;

/// <summary>The check that the forest after a removal equals one built from scratch without the experts.</summary>
/// <param name="ProbeSha256">SHA-256 (hex) of the probe set.</param>
/// <param name="ProbeTokens">Tokens that were compared.</param>
/// <param name="LargestDifference">Largest |difference| of a log-probability, nats.</param>
/// <param name="Tolerance">Largest that passes, nats.</param>
/// <param name="Passed">Whether it did.</param>
public sealed record EqualityCheck(string ProbeSha256, long ProbeTokens, double LargestDifference, double Tolerance, bool Passed)
{
    public static EqualityCheck Of(string probeSha256, long probeTokens, double largestDifference, double tolerance) =>
        new(probeSha256, probeTokens, largestDifference, tolerance, largestDifference <= tolerance);
}
