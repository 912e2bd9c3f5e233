using Btx.Cli.Charts;

namespace Btx.LoadTests.Report;

/// <summary>Routing modes look the same in every picture.</summary>
public static class Modes
{
    private static readonly string[] Known = ["top_k", "moe", "ensemble", "average", "expert", "top_p"];

    /// <summary>Position among the modes, whatever follows a colon; peers come last.</summary>
    public static int Rank(string mode) => Array.IndexOf(Known, Kind(mode)) is var at and >= 0 ? at : Known.Length;

    /// <summary><c>expert</c> of <c>expert:novels</c>, <c>top_p</c> of <c>top_p:0.9</c>.</summary>
    public static string Kind(string mode) => mode.Split(':')[0];

    public static bool IsPeer(string mode) => mode.StartsWith("peer:", StringComparison.Ordinal);

    /// <param name="variant">What tells series of one mode apart, such as its load: another shape and dashes.</param>
    public static SeriesStyle Style(string mode, int variant = 0)
    {
        var rank = Rank(mode);
        if (rank == Known.Length) rank += (int)(mode.Aggregate(0u, (hash, c) => (hash * 31) + c) % 2);
        return new(rank, rank + (3 * variant), variant % 4, variant / 4 % 2 == 1);
    }
}
