namespace Btx.LoadTests.Planning;

/// <summary>Experts placed on devices by their load, the hot ones more than once.</summary>
/// <param name="Devices">On each of them some experts.</param>
/// <param name="HighestUtilisation">Of the busiest device.</param>
/// <param name="MeanUtilisation">Of all.</param>
/// <param name="MostCopies">Of the hottest expert.</param>
/// <param name="InterToken">Seconds, mean of the busiest device.</param>
/// <param name="TimeToFirstToken">Seconds, mean, by the busiest device.</param>
/// <param name="Placement">Numbers of the experts on each device, 0 the most asked for.</param>
public sealed record ShardedForest(
    int Devices, int Machines, double HighestUtilisation, double MeanUtilisation, int MostCopies, double InterToken,
    double TimeToFirstToken, IReadOnlyList<IReadOnlyList<int>> Placement);
