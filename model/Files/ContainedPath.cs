namespace Btx.Model.Files;

/// <summary>Resolves a path that a manifest names, and refuses one that could leave the manifest's directory.</summary>
public static class ContainedPath
{
    /// <summary>The absolute path of <paramref name="relative"/> inside <paramref name="root"/>.</summary>
    /// <exception cref="BtxException">
    /// The path is empty, absolute, has a <c>..</c> part or a control character, passes through a symbolic link, or is a file with a second
    /// name (hard link), a pipe, a socket or a device.
    /// </exception>
    public static string Resolve(string root, string relative, string manifest,
        string rule = "a manifest may only name paths inside its own directory")
    {
        string Refuse(string why) => $"{manifest}: path \"{Show(relative)}\" {why}; {rule}";
        var current = Path.GetFullPath(root);
        foreach (var part in Parts(relative, Refuse))
        {
            current = Path.Combine(current, part);
            if (FileStat.Of(current)?.Problem is { } problem) throw new BtxException(Refuse(problem));
        }

        return current;
    }

    /// <summary>As <see cref="Resolve"/>, but links are followed: for a directory whose owner is the user, such as a download
    /// cache.</summary>
    /// <exception cref="BtxException">The path is empty, absolute, or has a <c>..</c> part or a control character.</exception>
    public static string ResolveNames(string root, string relative, string manifest)
    {
        var parts = Parts(relative,
            why => $"{manifest}: path \"{Show(relative)}\" {why}; a manifest may only name paths inside its own directory");
        return Path.Combine([Path.GetFullPath(root), .. parts]);
    }

    private static string[] Parts(string relative, Func<string, string> refuse)
    {
        if (string.IsNullOrWhiteSpace(relative)) throw new BtxException(refuse("is empty"));
        if (relative.Any(char.IsControl)) throw new BtxException(refuse("has a control character"));
        if (Path.IsPathRooted(relative) || relative.Contains('\\', StringComparison.Ordinal))
            throw new BtxException(refuse("is absolute or has a backslash"));
        var parts = relative.Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length == 0 || parts.Any(p => p is ".." or ".")) throw new BtxException(refuse("has a \".\" or \"..\" part"));
        return parts;
    }

    private static string Show(string? text) => BtxException.OneLine(text ?? "", 200);
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
