namespace Btx.Trainer.RoutingStatistics;

/// <summary>An expert that hardly any token reaches.</summary>
/// <param name="Step">At which statistic it was raised.</param>
/// <param name="Layer">From 0.</param>
/// <param name="Expert">Its index.</param>
/// <param name="Name">Its name.</param>
/// <param name="Share">Its gate share at that statistic.</param>
public sealed record RoutingAlarm(long Step, int Layer, int Expert, string Name, double Share);
