namespace Btx.Server.Requests;

/// <summary>
/// What a door accepts at most, before any work is done for it; <see cref="Engine.RequestRules"/> has what the engine accepts.
/// </summary>
internal sealed record RequestLimits
{
    public const int DefaultMaxTokens = 16;

    /// <summary>Characters of a model's id and of a user's name.</summary>
    public const int MaxNameLength = 512;

    /// <summary>Characters (UTF-16) of a prompt or of a text to score.</summary>
    public int PromptCharacters { get; init; } = 1_000_000;

    /// <summary>Bytes of an HTTP body or a gRPC message.</summary>
    public int BodyBytes { get; init; } = 4 << 20;
}
