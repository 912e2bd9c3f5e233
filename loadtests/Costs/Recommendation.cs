namespace Btx.LoadTests.Costs;

/// <summary>Which settings to run, and how sure that is.</summary>
public sealed record Recommendation
{
    /// <summary>The best quality among the points that meet the service objective.</summary>
    public const string ForObjective = "objective";

    /// <summary>The lowest cost within some per cent of the full ensemble's quality.</summary>
    public const string WithinEnsemble = "within";

    /// <summary><see cref="ForObjective"/> or <see cref="WithinEnsemble"/>.</summary>
    public required string Kind { get; init; }

    /// <summary>Name of the settings; null if nothing meets what was asked.</summary>
    public string? Point { get; init; }

    public string? Mode { get; init; }

    public int? K { get; init; }

    /// <summary>The load that it was found at, in words.</summary>
    public required string Where { get; init; }

    /// <summary>Kind <see cref="WithinEnsemble"/>: the per cent.</summary>
    public double? WithinPercent { get; init; }

    /// <summary>Name of the settings that come next, if any do.</summary>
    public string? RunnerUp { get; init; }

    /// <summary>Whether it and the runner-up cannot be told apart.</summary>
    public bool WithinNoise { get; init; }

    /// <summary>The whole of it, for people.</summary>
    public required string Sentence { get; init; }
}
