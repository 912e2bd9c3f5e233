namespace Btx.Model.Registry;

/// <summary>Who wants which change, and why.</summary>
public sealed record ChangeRequest
{
    /// <summary>One of <see cref="ChangeKind.Names"/>.</summary>
    public required string Kind { get; init; }

    /// <summary>1 to 200 printable characters.</summary>
    public required string Author { get; init; }

    /// <summary>1 to 2000 printable characters.</summary>
    public required string Reason { get; init; }

    /// <summary>Names of the experts or of the average.</summary>
    public IReadOnlyList<string> Subjects { get; init; } = [];

    /// <summary>Of a removal: one of <see cref="LineagePolicy.Names"/>.</summary>
    public string? Policy { get; init; }

    /// <summary>Of a removal: whose files are deleted after the commit.</summary>
    public IReadOnlyList<PurgeTarget> Purge { get; init; } = [];
}
