namespace Btx.Exporter.Sessions;

/// <summary>New tokens of one sequence: where its cache lies and how many positions of it are filled.</summary>
internal sealed record RaggedRow(int Slot, int Past, int[] Tokens);
