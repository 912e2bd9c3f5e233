namespace Btx.Forest;

/// <summary>Other served forests that use the files of an expert here: of the same source, or of the one they lie in.</summary>
internal static class OtherExports
{
    /// <summary>Refuses to delete files that another one would miss at its next start.</summary>
    public static void RequireNone(string expert, string directory, string servedDirectory, string source)
    {
        var place = RealPath.Of(directory);
        var forests = new List<string> { source };
        for (var above = Path.GetDirectoryName(place); above is not null; above = Path.GetDirectoryName(above))
            if (File.Exists(Path.Combine(above, ForestManifest.FileName))) forests.Add(above);
        string[] users = [.. Of(forests, servedDirectory).Where(o => Uses(o, place))];
        if (users.Length == 0) return;
        var named = string.Join(", ", users.Take(5)) + (users.Length > 5 ? $" and {users.Length - 5} more" : "");
        throw new BtxException(ErrorKind.Precondition, $"--purge would delete the files of expert \"{expert}\" under other served forests: "
            + $"{named}; remove it from each of them first, or delete those exports, or remove without --purge");
    }

    /// <summary>Weights of the expert that another export of the same source holds for itself: a purge does not delete them.</summary>
    public static IEnumerable<string> Copies(string expert, string servedDirectory, string source)
    {
        foreach (var other in Of([source], servedDirectory))
        {
            var copy = Path.Combine(other, "weights", expert);
            if (Directory.Exists(copy)) yield return copy;
        }
    }

    private static IEnumerable<string> Of(IEnumerable<string> forests, string except)
    {
        var here = RealPath.Of(except);
        return forests.SelectMany(ServedExports.Of).Select(RealPath.Of).Distinct().Where(o => o != here);
    }

    // One that cannot be read may use them.
    private static bool Uses(string servedDirectory, string place)
    {
        try
        {
            var served = ServedForestManifest.Load(servedDirectory);
            var used = CommittedState.Read(servedDirectory).State.Experts.Select(e =>
                RealPath.Of(e.Directory(servedDirectory, served)) + "/");
            return used.Any(d => d.StartsWith(place + "/", StringComparison.Ordinal));
        }
        catch (BtxException)
        {
            return true;
        }
    }
}
