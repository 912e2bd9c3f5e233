using System.Text;

namespace Btx.LoadTests.Sweeps;

/// <summary>A sweep's directory: what was asked, and what is measured. One program at a time.</summary>
internal sealed class SweepState(string directory, FileStream held, IReadOnlyDictionary<string, string> asked) : IDisposable
{
    // What was asked, in the command line's words, and what was served: the same again goes on, anything else is refused.
    private const string AskedFile = "sweep.json", LockFile = "sweep.lock";
    private readonly HashSet<string> _done = new(StringComparer.Ordinal);
    private readonly List<PointResult> _results = [];

    public string Directory => directory;

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
        Require(asked.Concat(served.Select(s => KeyValuePair.Create($"served {s.Key}", s.Value))).ToDictionary(), whole: true);

    public bool Has(PlannedPoint point) => _done.Contains(point.Name);

    /// <summary>Keeps a measured point: a line, flushed to the disk.</summary>
    public void Add(PointResult result)
    {
        using var file = new FileStream(At(RunDirectory.Points), FileMode.Append, FileAccess.Write, FileShare.Read);
        file.Write(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(result, RunJson.Line) + "\n"));
        file.Flush(flushToDisk: true);
        Keep(result);
    }

    public void Dispose() => held.Dispose();

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
            throw new LoadTestException($"--out {Directory}: holds another sweep: {string.Join("; ", differences)}; name another one");
    }

    // A line that a crash cut off goes: what follows must begin on a line of its own.
    private void ReadPoints()
    {
        var path = At(RunDirectory.Points);
        if (!File.Exists(path)) return;
        var whole = File.ReadAllBytes(path).AsSpan().LastIndexOf((byte)'\n') + 1;
        using (var file = File.OpenWrite(path)) file.SetLength(whole);
        var damaged = new List<string>();
        foreach (var point in RunJson.ReadLines<PointResult>(path, damaged, WholeRecord.Is)) Keep(point);
        if (damaged.Count > 0)
            throw new LoadTestException($"{damaged[0]}; take the line out, and the same command measures it again");
    }

    private void Keep(PointResult result)
    {
        if (_done.Add(result.Name)) _results.Add(result);
    }
}
