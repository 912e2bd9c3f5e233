namespace Btx.Model.Registry;

/// <summary>An expert whose files are to be deleted after the commit of its removal.</summary>
/// <param name="Root">What <paramref name="Path"/> is relative to, see <see cref="ExpertRoot"/>.</param>
/// <param name="Sha256">Of the weight files (hex).</param>
public sealed record PurgeTarget(string Expert, string Root, string Path, string Sha256)
{
    public static PurgeTarget Of(RegisteredExpert expert) => new(expert.Name, expert.Root, expert.Path, expert.Sha256);

    /// <summary>Absolute path of the directory.</summary>
    /// <exception cref="BtxException">The path leaves its root, or passes through a link.</exception>
    public string Directory(string servedDirectory, Serving.ServedForestManifest served) =>
        RegisteredExpert.Directory(Root, Path, servedDirectory, served);
}
