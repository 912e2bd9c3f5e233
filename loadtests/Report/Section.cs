namespace Btx.LoadTests.Report;

/// <summary>One part of the report.</summary>
/// <param name="Id">Its anchor: letters and hyphens.</param>
public sealed record Section(string Id, string Title)
{
    /// <summary>What is found, before the pictures.</summary>
    public IReadOnlyList<string> Findings { get; init; } = [];

    public IReadOnlyList<Figure> Figures { get; init; } = [];

    /// <summary>Tables that no picture shows.</summary>
    public IReadOnlyList<ReportTable> Tables { get; init; } = [];

    /// <summary>What cannot be said, why, and which command would tell: a sentence each.</summary>
    public IReadOnlyList<string> Missing { get; init; } = [];
}
