using System.Text.Json.Nodes;

namespace Btx.LoadTests.Changes;

/// <summary>A served forest of one's own, in a run's directory: changes are made to it, never to the user's. Gone on disposal.</summary>
internal sealed class ServedCopy : IDisposable
{
    private const string Folder = "change-copy";
    private readonly DirectoryInfo _root;

    /// <param name="run">The run's directory, absolute.</param>
    /// <param name="served">Copied with its journal and with weights that lie in it, not with those of its source forest.</param>
    public ServedCopy(string run, string served)
    {
        _root = new(Path.Combine(run, Folder));
        try
        {
            Copy(new DirectoryInfo(served), Directory);
            var path = Path.Combine(Directory, "served.json");
            var manifest = JsonNode.Parse(File.ReadAllBytes(path))!.AsObject();
            if (manifest["source"] is { } source)
                manifest["source"] = Path.GetRelativePath(Real(Directory),
                    Path.GetFullPath(Path.Combine(Real(served), source.GetValue<string>())));
            File.WriteAllText(path, manifest.ToJsonString());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or System.Text.Json.JsonException
            or InvalidOperationException)
        {
            Dispose();
            throw new LoadTestException($"--forest {served}: cannot be copied to {_root.FullName} for changes under load: "
                + e.Message.ReplaceLineEndings(" "), e);
        }
    }

    public string Directory => Path.Combine(_root.FullName, "served");

    /// <summary>Removes what a sweep that was killed left in its run's directory.</summary>
    public static void Clear(string run)
    {
        var left = new DirectoryInfo(Path.Combine(run, Folder));
        try
        {
            if (left.Exists) left.Delete(recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LoadTestException($"{left}: the copy that a sweep left, which was killed, cannot be removed: {e.Message}", e);
        }
    }

    public void Dispose()
    {
        try
        {
            if (_root.Exists) _root.Delete(recursive: true);
        }
        catch (IOException)
        {
            // The next sweep of the run clears it.
        }
    }

    // A relative path counts from where a directory really is.
    private static string Real(string path) =>
        new DirectoryInfo(path).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? Path.GetFullPath(path);

    // Read first: the copy may lie inside of what is copied.
    private void Copy(DirectoryInfo from, string to)
    {
        var (files, directories) = (from.GetFiles(), from.GetDirectories());
        System.IO.Directory.CreateDirectory(to);
        foreach (var file in files) file.CopyTo(Path.Combine(to, file.Name));
        foreach (var directory in directories.Where(d => d.FullName != _root.FullName)) Copy(directory, Path.Combine(to, directory.Name));
    }
}
