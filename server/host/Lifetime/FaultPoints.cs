using System.Diagnostics;
using System.Globalization;

namespace Btx.Server.Lifetime;

/// <summary>What <c>--fault-point NAME=ACTION</c> does, for tests: <c>exit</c> kills this process, <c>throw</c> and <c>full</c> are
/// failures of the disk, <c>sleep:MS</c> waits, <c>hold:FILE</c> waits until the file is there. Each once. Thread-safe.</summary>
internal sealed class FaultPoints
{
    private const int NoSpace = 28; // ENOSPC
    private readonly List<(string Point, string Name, Action Act)> _left;

    /// <param name="flags">Values of the option.</param>
    /// <param name="known">Names of the points there are.</param>
    /// <exception cref="BtxException">A value cannot be read, or names a point that there is not.</exception>
    public FaultPoints(IEnumerable<string> flags, IReadOnlyList<string> known) => _left = [.. flags.Select(f => Parse(f, known))];

    /// <summary>Null where no flag is given: nothing is called then.</summary>
    public Action<string>? Hook => _left.Count == 0 ? null : Reach;

    private static (string Point, string Name, Action Act) Parse(string flag, IReadOnlyList<string> known)
    {
        var parts = flag.Split('=', 2);
        var (point, name) = (parts[0], parts.Length == 2 ? parts[1] : "");
        if (!known.Contains(point))
            throw new BtxException($"--fault-point {flag}: there is no point \"{point}\"; there are {string.Join(", ", known)}");
        return (point, name, name.Split(':', 2) switch
        {
            ["exit"] => Exit,
            ["throw"] => () => throw new IOException($"fault point {point}"),
            ["full"] => () => throw new IOException("No space left on device", NoSpace),
            ["sleep", var text] when int.TryParse(text, CultureInfo.InvariantCulture, out var ms) && ms >= 0 => () => Thread.Sleep(ms),
            ["hold", { Length: > 0 } file] => () => Hold(file),
            _ => throw new BtxException($"--fault-point {flag}: expected {point}=exit, throw, full, sleep:MILLISECONDS or hold:FILE"),
        });
    }

    private void Reach(string point)
    {
        (string Point, string Name, Action Act) reached;
        lock (_left)
        {
            var i = _left.FindIndex(f => f.Point == point);
            if (i < 0) return;
            reached = _left[i];
            _left.RemoveAt(i);
        }

        Console.Error.WriteLine($"fault point {point}: {reached.Name}");
        reached.Act();
    }

    private static void Exit()
    {
        Process.GetCurrentProcess().Kill();
        Thread.Sleep(Timeout.Infinite);
    }

    // Who waits for us has not gone away while its directory is there.
    private static void Hold(string file)
    {
        while (!File.Exists(file) && Directory.Exists(Path.GetDirectoryName(file))) Thread.Sleep(5);
    }
}
