namespace Btx.Model.Registry;

/// <summary>Names of what a removal does with the descendants of the removed.</summary>
public static class LineagePolicy
{
    /// <summary>Remove what is named; the residual ancestry of the others is reported.</summary>
    public const string Only = "only";

    /// <summary>Remove every descendant too.</summary>
    public const string Cascade = "cascade";

    /// <summary>Descendants stay listed, but get no traffic.</summary>
    public const string Quarantine = "quarantine";

    public static IReadOnlyList<string> Names { get; } = [Only, Cascade, Quarantine];
}
