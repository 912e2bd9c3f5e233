using Btx.LoadTests.Measuring;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Load;

/// <summary>What a load left behind.</summary>
public sealed record LoadOutcome
{
    /// <summary>In the order in which they ended, warm-up included.</summary>
    public required IReadOnlyList<RequestRecord> Records { get; init; }

    public required DateTimeOffset Started { get; init; }

    /// <summary>Seconds since the load began: the time that is measured.</summary>
    public required double From { get; init; }

    public required double To { get; init; }

    /// <summary>Of the same time; null where the server shows no metrics of that kind.</summary>
    public ServerFigures? Server { get; init; }

    /// <summary>Stopped before a bound was met.</summary>
    public bool Stopped { get; init; }

    /// <summary>Why the load was given up; null: it was not.</summary>
    public string? GivenUp { get; init; }

    /// <summary>Processor seconds that this process used a second, while it measured.</summary>
    public double ProcessorShare { get; init; }

    public LoadSummary Summarise(ServiceObjective? objective = null) => LoadFigures.Of(Records, From, To, objective);
}

/// <summary>How far a load is.</summary>
/// <param name="Seconds">Since it began.</param>
/// <param name="Measuring">The warm-up is over.</param>
/// <param name="Tokens">Of requests that have ended, like <paramref name="Ended"/>.</param>
public readonly record struct LoadProgress(double Seconds, bool Measuring, int Sent, int Ended, int Failed, long Tokens);

/// <summary>A request before it is sent.</summary>
/// <param name="Index">From 0, in the order of arrival.</param>
/// <param name="Due">Seconds since the load began; null in a closed loop.</param>
/// <param name="PromptTokens">Asked for; the answer's usage says how many there were.</param>
/// <param name="Seed">Of its sampling.</param>
public sealed record PlannedRequest(int Index, double? Due, string Domain, string Prompt, int PromptTokens, int OutputTokens, long Seed);
