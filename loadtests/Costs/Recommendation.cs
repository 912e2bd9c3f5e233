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

    /// <summary>Kind <see cref="WithinEnsemble"/>: whether it and the runner-up cannot be told apart; kind <see cref="ForObjective"/>:
    /// whether some repeat missed the objective.</summary>
    public bool WithinNoise { get; init; }

    /// <summary>
    /// Kind <see cref="WithinEnsemble"/>: most of the settings that qualify cost alike beside the noise, so that the run cannot tell which
    /// costs least. <see cref="Point"/> is then the one of them
    /// with the fewest experts, and the runner-up the one whose figure is the lowest of the others.
    /// </summary>
    public bool Undecided { get; init; }

    /// <summary>Kind <see cref="WithinEnsemble"/>: how many settings qualify; those of mode
    /// <c>expert</c> count only where they alone do.</summary>
    public int Qualifying { get; init; }

    /// <summary>Names of those that qualify and whose cost cannot be told from the lowest, in
    /// ascending order of cost; that one first.</summary>
    public IReadOnlyList<string> CostsAlike { get; init; } = [];

    /// <summary>The whole of it, for people.</summary>
    public required string Sentence { get; init; }
}
