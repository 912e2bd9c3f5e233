using System.Text.Json.Nodes;

namespace Btx.LoadTests.Changes;

/// <summary>A served forest of one's own: changes are made to it, never to the user's. Gone on disposal.</summary>
internal sealed class ServedCopy : IDisposable
{
    private const string Manifest = "served.json";
    private readonly DirectoryInfo _root = System.IO.Directory.CreateTempSubdirectory("btx-change-");

    /// <param name="served">Copied with its journal and with weights that lie in it; those of its source forest stay where they are.</param>
    /// <exception cref="LoadTestException">It cannot be copied.</exception>
    public ServedCopy(string served)
    {
        try
        {
            Copy(new DirectoryInfo(served), Directory);
            var path = Path.Combine(Directory, Manifest);
            var manifest = JsonNode.Parse(File.ReadAllBytes(path))!.AsObject();
            if (manifest["source"] is { } source) manifest["source"] = Path.GetRelativePath(Real(Directory), Path.GetFullPath(Path.Combine(Real(served), source.GetValue<string>())));
            File.WriteAllText(path, manifest.ToJsonString());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or System.Text.Json.JsonException or InvalidOperationException)
        {
            _root.Delete(recursive: true);
            throw new LoadTestException($"--forest {served}: cannot be copied to {_root.FullName} for changes under load: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    public string Directory => Path.Combine(_root.FullName, "served");

    public void Dispose()
    {
        try
        {
            _root.Delete(recursive: true);
        }
        catch (IOException)
        {
            // What is left lies in the system's directory for temporary files.
        }
    }

    // A relative path counts from where a directory really is.
    private static string Real(string path) => new DirectoryInfo(path).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? Path.GetFullPath(path);

    private static void Copy(DirectoryInfo from, string to)
    {
        System.IO.Directory.CreateDirectory(to);
        foreach (var file in from.GetFiles()) file.CopyTo(Path.Combine(to, file.Name));
        foreach (var directory in from.GetDirectories()) Copy(directory, Path.Combine(to, directory.Name));
    }
}
