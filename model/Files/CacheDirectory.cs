namespace Btx.Model.Files;

/// <summary>Where programs keep what can be fetched or made again: <c>${BTX_CACHE:-$HOME/.cache/btx}</c>.</summary>
public static class CacheDirectory
{
    /// <summary>The path of a folder in it, which may not exist yet.</summary>
    public static string Of(string folder)
    {
        var root = Environment.GetEnvironmentVariable("BTX_CACHE");
        if (string.IsNullOrEmpty(root))
            root = Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "btx");
        return Path.GetFullPath(Path.Combine(root, folder));
    }
}
