using System.Diagnostics;
using System.Globalization;

namespace Btx.Server.Lifetime;

/// <summary>
/// What <c>--fault-point NAME=ACTION</c> does to a change of the forest or to the engine, for tests of crashes, hangs and full disks:
/// <c>exit</c> kills this process, <c>throw</c> and <c>full</c> are failures of the disk, <c>sleep:MS</c> waits, <c>hold:FILE</c> waits
/// until the file is there. Each happens once, the first time its point is reached; several on one point, one after the other. Thread-safe.
/// </summary>
internal sealed class FaultPoints
{
    private const string Sleep = "sleep:";
    private const string Hold = "hold:";
    private const int NoSpace = 28; // ENOSPC
    private readonly List<(string Point, string Action)> _left;

    /// <param name="flags">Values of the option.</param>
    /// <param name="known">Names of the points there are.</param>
    /// <exception cref="BtxException">A value cannot be read, or names a point that there is not.</exception>
    public FaultPoints(IEnumerable<string> flags, IReadOnlyList<string> known) => _left = [.. flags.Select(f => Parse(f, known))];

    /// <summary>Null where no flag is given: nothing is called then.</summary>
    public Action<string>? Hook => _left.Count == 0 ? null : Reach;

    private static (string Point, string Action) Parse(string flag, IReadOnlyList<string> known)
    {
        var parts = flag.Split('=', 2);
        if (!known.Contains(parts[0]))
            throw new BtxException($"--fault-point {flag}: there is no point \"{parts[0]}\"; there are {string.Join(", ", known)}");
        var action = parts.Length == 2 ? parts[1] : "";
        if (action is "exit" or "throw" or "full" || (action.StartsWith(Hold, StringComparison.Ordinal) && action.Length > Hold.Length)
            || Milliseconds(action) is >= 0)
            return (parts[0], action);
        throw new BtxException($"--fault-point {flag}: expected {parts[0]}=exit, throw, full, sleep:MILLISECONDS or hold:FILE");
    }

    private static int? Milliseconds(string action) => action.StartsWith(Sleep, StringComparison.Ordinal)
        && int.TryParse(action[Sleep.Length..], CultureInfo.InvariantCulture, out var ms) ? ms : null;

    private void Reach(string point)
    {
        string action;
        lock (_left)
        {
            var i = _left.FindIndex(f => f.Point == point);
            if (i < 0) return;
            action = _left[i].Action;
            _left.RemoveAt(i);
        }

        Console.Error.WriteLine($"fault point {point}: {action}");
        if (action == "exit")
        {
            Process.GetCurrentProcess().Kill();
            Thread.Sleep(Timeout.Infinite);
        }

        if (action == "throw") throw new IOException($"fault point {point}");
        if (action == "full") throw new IOException("No space left on device", NoSpace);
        if (Milliseconds(action) is { } ms) Thread.Sleep(ms);
        if (!action.StartsWith(Hold, StringComparison.Ordinal)) return;
        // who waits for us has not gone away
        for (var file = action[Hold.Length..]; !File.Exists(file) && Directory.Exists(Path.GetDirectoryName(file));) Thread.Sleep(5);
    }
}
