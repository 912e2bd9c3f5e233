namespace Btx.Trainer.Corpora.Packages;

/// <summary>The folders into which a domain's packages were unpacked, by package name.</summary>
public sealed class UnpackedPackages(IReadOnlyDictionary<string, string> folders)
{
    /// <summary>Absolute path of a file or folder inside a package.</summary>
    public string Path(string package, string relative = "") => System.IO.Path.Combine(folders[package], relative);
}
