using Btx.LoadTests.Sweeps;

namespace Btx.LoadTests.PeerDoors;

/// <summary>The peers of a sweep.</summary>
/// <param name="Threads">Of the matrix products of those that are libraries.</param>
/// <param name="Server">Serves the dense models; null: there are none.</param>
internal sealed record PeerRequest(IReadOnlyList<PeerChoice> Choices, int Threads, ServerCommand? Server);
