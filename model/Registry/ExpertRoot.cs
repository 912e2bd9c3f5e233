namespace Btx.Model.Registry;

/// <summary>Names of <see cref="RegisteredExpert.Root"/>: what <see cref="RegisteredExpert.Path"/> is relative to.</summary>
public static class ExpertRoot
{
    /// <summary>The source forest's directory: the expert's own checkpoint.</summary>
    public const string Source = "source";

    /// <summary>The served forest's directory: weights that the exporter converted.</summary>
    public const string Served = "served";

    /// <summary>Nothing: the path is absolute. For experts added while serving.</summary>
    public const string External = "external";

    public static IReadOnlyList<string> Names { get; } = [Source, Served, External];
}
