namespace Btx.LoadTests.Report;

/// <summary>Rows of text. The first column names the row, the others hold figures; with a last column without a name, words.</summary>
public sealed record ReportTable(IReadOnlyList<string> Head, IReadOnlyList<IReadOnlyList<string>> Rows);
