namespace Btx.Forest;

internal sealed class ExpertRoots
{
    private readonly List<(string Named, string Real)> roots = [];

    /// <param name="named">Absolute paths; links in them are the operator's and are followed once, here.</param>
    public ExpertRoots(IEnumerable<string> named)
    {
        foreach (var root in named)
        {
            var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(root));
            if (!Directory.Exists(full)) throw new BtxException($"{root}: no such directory; experts cannot be added from there");
            if (!roots.Exists(r => r.Named == full)) roots.Add((full, RealPath.Of(full)));
        }
    }

    public IReadOnlyList<string> Names => [.. roots.Select(r => r.Named)];

    /// <summary>The absolute path of a directory in a root, free of links.</summary>
    /// <param name="path">Absolute, or relative to the first root that has it.</param>
    public string Resolve(string path)
    {
        if (string.IsNullOrWhiteSpace(path))
            throw new BtxException(ErrorKind.Precondition, "no directory is named; name one inside " + Listed);
        var found = Path.IsPathRooted(path) ? Absolute(path) : Relative(path);
        FolderTree.Check(found, path);
        return found;
    }

    /// <summary>True for a directory inside a root.</summary>
    public bool Holds(string real) => roots.Exists(r => real == r.Real || real.StartsWith(r.Real + "/", StringComparison.Ordinal));

    private string Listed => string.Join(", ", Names);

    private string Absolute(string path)
    {
        foreach (var (named, real) in roots)
        {
            if (path == named || path == real) return real;
            foreach (var prefix in new[] { named, real })
            {
                if (!path.StartsWith(prefix + "/", StringComparison.Ordinal)) continue;
                var inside = Contained(real, path[prefix.Length..].Trim('/'));
                return Directory.Exists(inside) ? inside
                    : throw new BtxException(ErrorKind.Missing, $"{BtxException.OneLine(path)}: no such directory");
            }
        }

        throw new BtxException(ErrorKind.Precondition, $"{BtxException.OneLine(path)}: lies outside the directories that experts may be "
            + $"added from ({Listed}); copy it there, or start the server with --expert-root");
    }

    private string Relative(string path)
    {
        foreach (var (_, real) in roots)
        {
            var inside = Contained(real, path);
            if (Directory.Exists(inside)) return inside;
        }

        throw new BtxException(ErrorKind.Missing, $"{BtxException.OneLine(path)}: no such directory in {Listed}");
    }

    private static string Contained(string root, string relative) => ContainedPath.Resolve(root, relative, root,
        "an expert must lie inside the directories that experts may be added from, without links");
}
