namespace Btx.Trainer.Corpora.Packages;

/// <summary>A package to take text from.</summary>
/// <param name="Source">Who delivers it.</param>
/// <param name="Name">Its name there.</param>
/// <param name="Version">Exact version, or null for the one that the machine's release offers (apt).</param>
public sealed record SourcePackage(PackageSource Source, string Name, string? Version = null)
{
    public static SourcePackage Apt(string name) => new(PackageSource.Apt, name);

    public static SourcePackage Npm(string name, string version) => new(PackageSource.Npm, name, version);

    public override string ToString() => $"{Source.ToString().ToLowerInvariant()} package {Name}";
}
