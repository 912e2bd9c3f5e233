namespace Btx.Exporter;

/// <summary>One finished or current piece of an export.</summary>
/// <param name="Done">Pieces finished.</param>
/// <param name="Total">Pieces in all.</param>
/// <param name="Doing">What is being done now, one line.</param>
public sealed record ExportProgress(int Done, int Total, string Doing);
