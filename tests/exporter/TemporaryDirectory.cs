namespace Btx.Exporter.Tests;

/// <summary>A directory of a test's own, deleted on disposal.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("btx-exporter-");

    public string Root => directory.FullName;

    public string this[string name] => Path.Combine(Root, name);

    public void Dispose() => directory.Delete(recursive: true);
}
