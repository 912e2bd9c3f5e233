namespace Btx.Trainer.Corpora.Packages;

/// <summary>The clients through which packages are downloaded.</summary>
public enum PackageSource
{
    Apt,
    Npm,
}
