using System.Text;
using System.Text.Json;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Sweeps;

/// <summary>A sweep's directory: what was asked, and what is measured. One program at a time.</summary>
internal sealed class SweepState : IDisposable
{
    // What was asked, in the command line's words, and what was served: the same again goes on, anything else is refused.
    private const string AskedFile = "sweep.json", LockFile = "sweep.lock";
    private readonly FileStream _lock;
    private readonly IReadOnlyDictionary<string, string> _asked;
    private readonly HashSet<string> _done = new(StringComparer.Ordinal);
    private readonly List<PointResult> _results = [];

    private SweepState(string directory, FileStream held, IReadOnlyDictionary<string, string> asked) =>
        (Directory, _lock, _asked) = (directory, held, asked);

    public string Directory { get; }

    /// <summary>Measured before or now, in the order of measuring.</summary>
    public IReadOnlyList<PointResult> Results => _results;

    public static SweepState Open(string directory, IReadOnlyDictionary<string, string> asked)
    {
        var held = LoadTestException.Wrap($"--out {directory}: cannot be written, or another sweep is at work in it", () =>
        {
            System.IO.Directory.CreateDirectory(Path.Combine(directory, RunDirectory.Requests));
            return new FileStream(Path.Combine(directory, LockFile), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        });
        var state = new SweepState(Path.GetFullPath(directory), held, asked);
        try
        {
            state.Require(asked, whole: false);
            state.ReadPoints();
            return state;
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    public string At(params string[] names) => Path.Combine([Directory, .. names]);

    /// <summary>What is served, by precision: known only when a server has been asked.</summary>
    public void RequireServed(IReadOnlyDictionary<string, string> served) =>
        Require(_asked.Concat(served.Select(s => KeyValuePair.Create($"served {s.Key}", s.Value))).ToDictionary(), whole: true);

    public bool Has(PlannedPoint point) => _done.Contains(point.Name);

    /// <summary>Keeps a measured point: a line, flushed to the disk.</summary>
    public void Add(PointResult result)
    {
        using var file = new FileStream(At(RunDirectory.Points), FileMode.Append, FileAccess.Write, FileShare.Read);
        file.Write(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(result, RunJson.Line) + "\n"));
        file.Flush(flushToDisk: true);
        Keep(result);
    }

    public void Dispose() => _lock.Dispose();

    // Written when all of it is known; compared, as far as it is known, before that.
    private void Require(IReadOnlyDictionary<string, string> asked, bool whole)
    {
        if (!File.Exists(At(AskedFile)))
        {
            if (File.Exists(At(RunDirectory.Points)))
                throw new LoadTestException($"--out {Directory}: holds {RunDirectory.Points} of a run that was no sweep; name another one");
            if (whole) RunJson.Write(At(AskedFile), asked.OrderBy(a => a.Key, StringComparer.Ordinal).ToDictionary());
            return;
        }

        var before = RunJson.Read<Dictionary<string, string>>(At(AskedFile));
        static string Shown(string? value) => value is null ? "not given" : $"\"{value}\"";
        string[] differences = [.. before.Keys.Where(k => whole || !k.StartsWith("served ", StringComparison.Ordinal)).Union(asked.Keys)
            .Order(StringComparer.Ordinal).Select(k => (Key: k, Was: before.GetValueOrDefault(k), Is: asked.GetValueOrDefault(k)))
            .Where(d => d.Was != d.Is).Select(d => $"{d.Key} was {Shown(d.Was)}, is {Shown(d.Is)}")];
        if (differences.Length > 0)
            throw new LoadTestException($"--out {Directory}: holds another sweep ({string.Join("; ", differences)}); "
                + "repeat its command to go on there, or name another directory");
    }

    // A line that a crash cut off goes: what follows must begin on a line of its own.
    private void ReadPoints()
    {
        var path = At(RunDirectory.Points);
        if (!File.Exists(path)) return;
        using (var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite))
        {
            var end = file.Length;
            for (; end > 0; end--)
            {
                file.Position = end - 1;
                if (file.ReadByte() == '\n') break;
            }

            file.SetLength(end);
        }

        var damaged = new List<string>();
        foreach (var point in PointLines.Read(path, damaged, "take the line out, and the same command measures it again")) Keep(point);
        if (damaged.Count > 0) throw new LoadTestException(damaged[0]);
    }

    private void Keep(PointResult result)
    {
        if (_done.Add(PlannedPoint.Of(result).Name)) _results.Add(result);
    }
}
