namespace Btx.Model.Tests.Tokens;

/// <summary>An empty directory that goes when the test ends.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("btx-tokens-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
