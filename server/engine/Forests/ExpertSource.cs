using Btx.Model.Tensors;

namespace Btx.Engine.Forests;

/// <summary>An expert to add.</summary>
public sealed record ExpertSource
{
    public required string Name { get; init; }

    public required string Domain { get; init; }

    /// <summary>Directory of its weights, config and tokenizer, in the served precision.</summary>
    public required string Directory { get; init; }

    /// <summary>SHA-256 (hex) that its weight files must have; null: not compared.</summary>
    public string? Sha256 { get; init; }

    /// <summary>Its weights, if they were opened before; taken over by who opens the expert.</summary>
    internal Checkpoint? Weights { get; init; }

    /// <summary>The cached prior of its domain, by expert; null: none.</summary>
    public IReadOnlyDictionary<string, double>? Prior { get; init; }
}
