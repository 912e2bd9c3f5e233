using Btx.Model.Registry;

namespace Btx.Forest;

/// <summary>Something happened to the served forest.</summary>
/// <param name="Number">Counts the events of this server from 1, without gaps.</param>
/// <param name="Time">UTC.</param>
/// <param name="Change">As it stands now; its outcome says whether it is open, committed or given up.</param>
/// <param name="Phase">One of <see cref="ChangePhase.Names"/>; null: the outcome is new.</param>
/// <param name="Message">One line.</param>
/// <param name="Experts">Those that get traffic now.</param>
/// <param name="Revision">Of the forest served now.</param>
public sealed record ForestEvent(long Number, DateTimeOffset Time, ChangeRecord Change, string? Phase, string Message,
    IReadOnlyList<string> Experts, long Revision);
