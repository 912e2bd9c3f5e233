using Btx.Engine;
using Btx.Model.Registry;

namespace Btx.Forest;

/// <summary>A change that is in force.</summary>
/// <param name="Change">As the journal has it.</param>
/// <param name="Swap">What became of the requests under way; null where no swap was needed.</param>
/// <param name="Certificate">Of a removal.</param>
/// <param name="Notes">What the operator should know: one line each.</param>
public sealed record ChangeResult(ChangeRecord Change, SwapReport? Swap, RemovalCertificate? Certificate, IReadOnlyList<string> Notes);
