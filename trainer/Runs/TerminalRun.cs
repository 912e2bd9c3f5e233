namespace Btx.Trainer.Runs;

/// <summary>Runs a graph for whoever looks at a terminal: a line for each stage, and what the stages under way said last.</summary>
internal static class TerminalRun
{
    private const int TailLines = 3;

    /// <summary>The whole path of <c>--dir</c>, which is a directory or is not there yet.</summary>
    public static string DirectoryOf(string path) => !File.Exists(path) ? Path.GetFullPath(path)
        : throw new BtxException($"--dir {path}: is a file; name a directory");

    /// <param name="directory">Held for this process alone.</param>
    /// <exception cref="BtxException">A stage failed; its name and its log are named.</exception>
    public static async Task<IReadOnlyDictionary<string, StageResult>> ExecuteAsync(string name, string directory, RunGraph graph,
        bool keepGoing, CancellationToken cancellation)
    {
        using var held = RunLock.Acquire(directory, wait: false, cancellation);
        using var display = new ProgressDisplay();
        var output = graph.Stages.ToDictionary(s => s.Name, _ => new List<(string Line, bool IsError)>());
        var latest = new SortedDictionary<string, string>(StringComparer.Ordinal);
        var done = 0;
        var bar = display.Start(name, 0, null);
        void Report() =>
            bar.Report(0, string.Join("; ", latest.Values.Where(v => v.Length > 0).Prepend($"{done} of {graph.Stages.Count} stages")));
        var run = new GraphRun(graph, new LocalStageRunner())
        {
            Started = stage =>
            {
                lock (latest) latest[stage.Name] = "";
                if (stage.About is { } about) display.WriteLine($"{stage.Name}: {about}");
            },
            Said = (stage, line, isError) =>
            {
                lock (latest)
                {
                    output[stage.Name].Add((line, isError));
                    if (stage.ReadyLine is null && latest.ContainsKey(stage.Name)) latest[stage.Name] = line.Trim();
                    Report();
                }
            },
            Ended = (stage, result) =>
            {
                lock (latest)
                {
                    latest.Remove(stage.Name);
                    done++;
                    Report();
                    var said = output[stage.Name];
                    if (cancellation.IsCancellationRequested) return;
                    if (result.Failure is { } failure)
                        display.WriteLine(string.Join('\n', [.. said.TakeLast(TailLines).Select(l => l.Line).Except([$"error: {failure}"]),
                            $"{stage.Name}: {failure}"]));
                    else if (stage.Shown)
                        display.WriteLine($"\n{stage.Name}\n{string.Join('\n', said.Where(l => !l.IsError).Select(l => l.Line))}\n");
                    else if (result.Earlier) display.WriteLine($"{stage.Name,-20} finished earlier");
                    else display.WriteLine($"{stage.Name,-20} {said.FindLast(l => l.Line.Length > 0).Line}");
                }
            },
        };
        var results = await run.RunAsync(keepGoing, cancellation).ConfigureAwait(false);
        var failed = graph.Stages.Where(s => results[s.Name] is { Failure: not null, Began: not null }).MinBy(s => results[s.Name].Ended);
        if (failed is not null)
            throw new BtxException($"{failed.Name} failed ({results[failed.Name].Failure}); its output is in {failed.Log}; the same "
                + "command goes on from there");
        return results;
    }
}
