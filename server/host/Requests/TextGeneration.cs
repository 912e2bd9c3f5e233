using Btx.Engine.Requests;
using Btx.Model.Mixing;

namespace Btx.Server.Requests;

/// <summary>A generation as a door asks for it; <see cref="InferenceService"/> makes the engine's request of it.</summary>
internal sealed record TextGeneration
{
    public required Prompt Prompt { get; init; }

    public required Routing Routing { get; init; }

    public SamplingOptions Sampling { get; init; } = new();

    public int MaxTokens { get; init; } = RequestLimits.DefaultMaxTokens;

    public IReadOnlyList<string> Stop { get; init; } = [];

    public int TopLogProbs { get; init; }

    public bool ReportExperts { get; init; }

    public bool IgnoreEndOfSequence { get; init; }
}
