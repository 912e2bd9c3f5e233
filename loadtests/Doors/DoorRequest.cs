namespace Btx.LoadTests.Doors;

/// <summary>A generation, in no door's own words.</summary>
public sealed record DoorRequest
{
    /// <summary>Text; null where <see cref="PromptIds"/> are given.</summary>
    public string? Prompt { get; init; }

    public IReadOnlyList<int>? PromptIds { get; init; }

    public required int MaxTokens { get; init; }

    public required RoutingChoice Routing { get; init; }

    /// <summary>0: greedy.</summary>
    public double Temperature { get; init; } = 1;

    public long? Seed { get; init; }

    /// <summary>Go on past the end-of-text token, so that the answer has the length that the load asks for.</summary>
    public bool IgnoreEos { get; init; } = true;
}
