using System.Text.Json;
using Btx.LoadTests.Load;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Verbs;

/// <summary>The directory of one load's run, as <see cref="RunDirectory"/> names its files.</summary>
internal sealed class RunFiles
{
    private readonly string _directory;

    private RunFiles(string directory) => _directory = directory;

    /// <exception cref="LoadTestException">It holds a run, or anything else.</exception>
    public static RunFiles Of(string directory)
    {
        if (File.Exists(Path.Combine(directory, RunDirectory.Description)))
            throw new LoadTestException($"--out {directory}: holds a run already; name another directory");
        if (Directory.Exists(directory) && Directory.EnumerateFileSystemEntries(directory).Any())
            throw new LoadTestException($"--out {directory}: holds something else than a run; name a new directory or an empty one");
        return new(directory);
    }

    /// <summary>Makes the directory. <exception cref="LoadTestException">It cannot be made; or so for the next two.</exception></summary>
    public void Write(RunDescription description) => Write(() =>
    {
        Directory.CreateDirectory(_directory);
        RunJson.Write(Path.Combine(_directory, RunDirectory.Description), description);
    });

    public void Write(Ceiling ceiling) => Write(() => RunJson.Write(Path.Combine(_directory, RunDirectory.CeilingFile), ceiling));

    public void Write(PointResult point) =>
        Write(() => RunJson.WriteText(Path.Combine(_directory, RunDirectory.Points), JsonSerializer.Serialize(point, RunJson.Line) + "\n"));

    public RecordFile Records(PointSettings settings) => new(Path.Combine(_directory, RunDirectory.Requests, $"{settings.Name}-r0.jsonl"));

    private void Write(Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LoadTestException($"--out {_directory}: cannot be written: {e.Message}", e);
        }
    }
}
