namespace Btx.Model.Moe;

/// <summary>Where the router of a fresh mixture comes from, by the names that <c>--router-init</c> and
/// <c>btx.json</c> use. Any other text names a file.</summary>
public static class RouterInit
{
    /// <summary>Normal, see <see cref="RandomRouter"/>.</summary>
    public const string Random = "random";

    /// <summary>Mean hidden states of the domains, see <see cref="CentroidRouter"/>.</summary>
    public const string Centroid = "centroid";

    /// <summary>Least squares from hidden states to domains, see <see cref="RidgeRouter"/>.</summary>
    public const string Ridge = "ridge";

    /// <summary>What <c>btx.json</c> records for weights read from a file.</summary>
    public const string File = "file";

    /// <summary>Whether it is fitted to hidden states of the domains' text.</summary>
    public static bool NeedsText(string init) => init is Centroid or Ridge;

    /// <summary>Whether it names a file.</summary>
    public static bool IsFile(string init) => init is not (Random or Centroid or Ridge);
}
