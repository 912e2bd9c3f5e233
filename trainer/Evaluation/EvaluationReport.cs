using Btx.Trainer.Corpora;

namespace Btx.Trainer.Evaluation;

/// <summary>The figures of an evaluation: every mode on every domain.</summary>
public sealed record EvaluationReport
{
    public required EvaluationOptions Options { get; init; }

    /// <summary>Largest sequence in tokens, BOS included.</summary>
    public required int Context { get; init; }

    /// <summary>Names of the experts that were mixed.</summary>
    public required IReadOnlyList<string> Experts { get; init; }

    public required IReadOnlyList<EvaluatedDomain> Domains { get; init; }

    /// <summary>Keys of the modes, in the order of the tables.</summary>
    public required IReadOnlyList<string> Modes { get; init; }

    public required TrainingBudget Budget { get; init; }

    /// <summary>By mode: what its training took, as far as the records tell.</summary>
    public required IReadOnlyDictionary<string, TrainingCompute> Compute { get; init; }

    /// <summary>Arithmetic mean of the bits per byte of a mode over the domains of one role; null if there is none.</summary>
    public double? MeanBitsPerByte(string mode, CorpusRole role) => Mean(role, d => d.BitsPerByte(mode));

    /// <summary>Geometric mean of the perplexities (the exponential of the mean loss per token, domains weighing alike).</summary>
    public double? MeanPerplexity(string mode, CorpusRole role) => Mean(role, d => Math.Log(d.Perplexity(mode))) is { } m
        ? Math.Exp(m) : null;

    private double? Mean(CorpusRole role, Func<EvaluatedDomain, double> value)
    {
        var values = Domains.Where(d => d.Role == role).Select(value).ToArray();
        return values.Length == 0 ? null : values.Average();
    }
}
