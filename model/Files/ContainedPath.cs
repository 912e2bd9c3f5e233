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

    /// <summary>As <see cref="Resolve"/>, but links are followed: for a directory whose owner
    /// is the user, such as a download cache.</summary>
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
