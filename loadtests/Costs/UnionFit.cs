using Btx.LoadTests.Records;

namespace Btx.LoadTests.Costs;

/// <summary>A step's seconds explained by the weights that it reads and the rows that it computes: a + b·distinct + c·rows.</summary>
public sealed record UnionFit
{
    /// <summary><see cref="CostLine.Forest"/>: distinct experts of the forest;
    /// <see cref="CostLine.Mixture"/>: of the BTX model, mean over layers.</summary>
    public required string Form { get; init; }

    /// <summary>What all its points share: precision and options.</summary>
    public required string Where { get; init; }

    public required string Precision { get; init; }

    public required IReadOnlyDictionary<string, string> Options { get; init; }

    /// <summary>Name of the metric in <see cref="UnionPoint.Seconds"/>.</summary>
    public required string Quantity { get; init; }

    /// <summary>Seconds a step that depend on neither. Null like the others if there are too few points.</summary>
    public Estimate? Step { get; init; }

    /// <summary>Seconds for each distinct expert: reading its weights.</summary>
    public Estimate? PerExpert { get; init; }

    /// <summary>Seconds for each row on an expert (a token of the batch counts once for every expert that it runs on): computing it. Null
    /// if rows and distinct experts cannot be told apart.</summary>
    public Estimate? PerRow { get; init; }

    public double? R2 { get; init; }

    public required IReadOnlyList<UnionPoint> Points { get; init; }

    /// <summary>Where the formula of the distinct experts, or this fit, breaks; a sentence each.</summary>
    public required IReadOnlyList<string> Breaks { get; init; }
}
