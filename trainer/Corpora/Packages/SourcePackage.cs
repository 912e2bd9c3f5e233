namespace Btx.Trainer.Corpora.Packages;

/// <summary>A package to take text from.</summary>
/// <param name="Manager">Who delivers it.</param>
/// <param name="Name">Its name there.</param>
/// <param name="Version">Exact version, or null for the one that the machine's release offers (apt).</param>
public sealed record SourcePackage(PackageManager Manager, string Name, string? Version = null)
{
    public static SourcePackage Apt(string name) => new(PackageManager.Apt, name);

    public static SourcePackage Npm(string name, string version) => new(PackageManager.Npm, name, version);

    public override string ToString() => $"{Manager.ToString().ToLowerInvariant()} package {Name}";
}
