using Btx.Model;
using Btx.Model.Tensors;

namespace Btx.Engine.Forests;

/// <summary>Opens models beside the running forest. Tests of changes have a fake.</summary>
internal interface IModelOpener
{
    /// <summary>Checks an expert's files and opens it for a quick start, without prepacking. The caller holds the model.</summary>
    /// <exception cref="BtxException">A file is missing or damaged, or does not fit the forest; one clear line.</exception>
    ServedModel OpenExpert(ExpertSource expert, CancellationToken cancellation = default);

    /// <summary>Opens the weights of an expert by private copies of them.</summary>
    /// <param name="mustBe">Where the directory must really lie; null: wherever its path leads.</param>
    /// <exception cref="BtxException">A file is missing or damaged, or of another architecture; one clear line.</exception>
    Checkpoint OpenWeights(string name, string directory, CancellationToken cancellation, string? mustBe = null);

    /// <summary>Checks and opens a served BTX model. The caller holds the model.</summary>
    /// <exception cref="BtxException">A file is missing or damaged, or does not fit the forest; one clear line.</exception>
    ServedMoe OpenMoe(string directory);
}

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
