using Btx.V1;

namespace Btx.LoadTests.Quality;

/// <summary>Where a sweep's quality comes from.</summary>
/// <param name="Evaluation">File of <c>btx evaluate --json</c>; null: none.</param>
/// <param name="Tokens">Of each domain that the servers score; 0: they score nothing.</param>
/// <param name="Selection">When top_k and top_p choose while scoring.</param>
internal sealed record QualityRequest(string? Evaluation, int Tokens, Selection Selection);
