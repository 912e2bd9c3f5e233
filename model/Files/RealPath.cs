namespace Btx.Model.Files;

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
            if (new FileInfo(current) is { LinkTarget: not null } link && link.ResolveLinkTarget(returnFinalTarget: true) is { } target) current = Of(target.FullName);
        }

        return current;
    }
}
