namespace Btx.LoadTests.Records;

/// <summary>What the server's own <c>/metrics</c> say of the same time: differences between its begin and its end.</summary>
public sealed record ServerFigures
{
    /// <summary>Between the two readings.</summary>
    public double Seconds { get; init; }

    public double Requests { get; init; }

    public double CompletionTokens { get; init; }

    public double PrefillTokens { get; init; }

    public double Steps { get; init; }

    public double StepSeconds { get; init; }

    /// <summary>Mean seconds from arrival to the first token.</summary>
    public double MeanTimeToFirstToken { get; init; }

    public double MeanRequestSeconds { get; init; }

    /// <summary>Rows that ran on each expert.</summary>
    public IReadOnlyDictionary<string, double> ExpertSteps { get; init; } = new Dictionary<string, double>();

    /// <summary>Steps without any prefill; the next four are of these alone.</summary>
    public double DecodeSteps { get; init; }

    /// <summary>How long they took, summed.</summary>
    public double DecodeSeconds { get; init; }

    /// <summary>Mean tokens a decode step: the batch that really ran.</summary>
    public double MeanBatch { get; init; }

    /// <summary>Mean number of distinct experts that a decode step ran: of the forest.</summary>
    public double? DistinctExperts { get; init; }

    /// <summary>The same of the BTX model, mean over its layers.</summary>
    public double? DistinctMixtureExperts { get; init; }
}
