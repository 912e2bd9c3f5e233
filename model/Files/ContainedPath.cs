namespace Btx.Model.Files;

/// <summary>Resolves a path that a manifest names, and refuses one that could leave the manifest's directory.</summary>
public static class ContainedPath
{
    private const string InsideAlone = "a manifest may only name paths inside its own directory";

    /// <summary>The absolute path of <paramref name="relative"/> inside <paramref name="root"/>.</summary>
    /// <exception cref="BtxException">
    /// The path is empty, absolute, has a <c>..</c> part or a control character, passes through a symbolic link, or is a file with a second
    /// name (hard link), a pipe, a socket or a device.
    /// </exception>
    public static string Resolve(string root, string relative, string manifest, string rule = InsideAlone)
    {
        var current = Path.GetFullPath(root);
        foreach (var part in Parts(relative, manifest, rule))
        {
            current = Path.Combine(current, part);
            if (FileStat.Of(current)?.Problem is { } problem) throw Refusal(manifest, relative, problem, rule);
        }

        return current;
    }

    /// <summary>As <see cref="Resolve"/>, but links are followed: for a directory whose owner is the user, such as a download
    /// cache.</summary>
    /// <exception cref="BtxException">The path is empty, absolute, or has a <c>..</c> part or a control character.</exception>
    public static string ResolveNames(string root, string relative, string manifest) =>
        Path.Combine([Path.GetFullPath(root), .. Parts(relative, manifest, InsideAlone)]);

    private static string[] Parts(string relative, string manifest, string rule)
    {
        var parts = (relative ?? "").Split('/', StringSplitOptions.RemoveEmptyEntries);
        var problem = string.IsNullOrWhiteSpace(relative) ? "is empty"
            : relative.Any(char.IsControl) ? "has a control character"
            : Path.IsPathRooted(relative) || relative.Contains('\\', StringComparison.Ordinal) ? "is absolute or has a backslash"
            : parts.Length == 0 || parts.Any(p => p is ".." or ".") ? "has a \".\" or \"..\" part" : null;
        return problem is null ? parts : throw Refusal(manifest, relative, problem, rule);
    }

    private static BtxException Refusal(string manifest, string? relative, string why, string rule) =>
        new($"{manifest}: path \"{BtxException.OneLine(relative ?? "", 200)}\" {why}; {rule}");
}

/// <summary>A path without links: the one name among all spellings of a place.</summary>
public static class RealPath
{
    /// <param name="path">Absolute; what is not there stays as it is.</param>
    public static string Of(string path)
    {
        var current = "/";
        foreach (var part in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            current = Path.Combine(current, part);
            var link = new FileInfo(current);
            if (link.LinkTarget is not null && link.ResolveLinkTarget(returnFinalTarget: true) is { } target) current = Of(target.FullName);
        }

        return current;
    }
}

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
