namespace Btx.Model.Files;

/// <summary>Resolves a path that a manifest names, and refuses one that could leave the manifest's directory.</summary>
public static class ContainedPath
{
    /// <summary>The absolute path of <paramref name="relative"/> inside <paramref name="root"/>.</summary>
    /// <exception cref="BtxException">The path is empty, absolute, has a <c>..</c> part or a control character, or passes through a symbolic link.</exception>
    public static string Resolve(string root, string relative, string manifest)
    {
        string Refuse(string why) => $"{manifest}: path \"{relative}\" {why}; a manifest may only name paths inside its own directory";
        if (string.IsNullOrWhiteSpace(relative)) throw new BtxException(Refuse("is empty"));
        if (relative.Any(char.IsControl)) throw new BtxException($"{manifest}: a path has a control character; a manifest may only name paths inside its own directory");
        if (Path.IsPathRooted(relative) || relative.Contains('\\', StringComparison.Ordinal)) throw new BtxException(Refuse("is absolute or has a backslash"));
        var parts = relative.Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length == 0 || parts.Any(p => p is ".." or ".")) throw new BtxException(Refuse("has a \".\" or \"..\" part"));
        var current = Path.GetFullPath(root);
        foreach (var part in parts)
        {
            current = Path.Combine(current, part);
            var info = Directory.Exists(current) ? (FileSystemInfo)new DirectoryInfo(current) : new FileInfo(current);
            if (info.LinkTarget is not null) throw new BtxException(Refuse($"passes through the link {current}"));
        }

        return current;
    }
}
