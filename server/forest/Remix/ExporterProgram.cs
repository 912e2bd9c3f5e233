using System.ComponentModel;
using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Btx.Forest;

/// <summary>The exporter, a program of its own, run at low priority.</summary>
internal sealed partial class ExporterProgram
{
    public const string Variable = "BTX_EXPORTER";

    // Tells the exporter to stop when its standard input ends, which nothing is written to: when this process is gone.
    private const string ParentVariable = "BTX_PARENT_PIPE";

    private const string Assembly = "Btx.Exporter.dll";
    private const string Nice = "/usr/bin/nice";
    private const string Niceness = "10"; // a tenth of a busy core: what is served goes first, and a removal still ends under full load

    private readonly string path;

    private ExporterProgram(string path) => this.path = path;

    /// <param name="path">Null: as <see cref="Variable"/> says, else beside the server, else where the build puts it.</param>
    public static ExporterProgram Find(string? path)
    {
        path ??= Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named ? named : null;
        string[] places = path is not null ? [path] : [Path.Combine(AppContext.BaseDirectory, Assembly),
            Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../Btx.Exporter/release", Assembly))];
        return places.FirstOrDefault(File.Exists) is { } found
            ? new ExporterProgram(found)
            : throw new BtxException($"{places[0]}: not found; re-mixing a BTX model needs the exporter: build "
                + $"it, or name {Assembly} in {Variable}");
    }

    public async Task RunAsync(IEnumerable<string> arguments, Action<double, string> report, CancellationToken cancellation)
    {
        string[] command =
        [
            .. File.Exists(Nice) ? (string[])[Nice, "-n", Niceness] : [],
            .. path.EndsWith(".dll", StringComparison.Ordinal) ? (string[])[Host(), path] : [path],
            .. arguments,
        ];
        using var process = new Process
        {
            StartInfo = new ProcessStartInfo(command[0], command[1..])
            { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false },
        };
        process.StartInfo.Environment[ParentVariable] = "1";
        string? problem = null;
        process.OutputDataReceived += (_, e) =>
        {
            if (e.Data is { } line && Step().Match(line) is { Success: true } m)
                report(double.Parse(m.Groups[1].ValueSpan) / Math.Max(1, double.Parse(m.Groups[2].ValueSpan)), m.Groups[3].Value);
        };
        process.ErrorDataReceived += (_, e) => problem = string.IsNullOrWhiteSpace(e.Data) ? problem : e.Data;
        cancellation.ThrowIfCancellationRequested();
        try
        {
            process.Start();
        }
        catch (Win32Exception e)
        {
            throw new BtxException($"{path}: the exporter cannot be started: {BtxException.OneLine(e.Message)}", e);
        }

        using (cancellation.Register(() => End(process)))
        {
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            await process.WaitForExitAsync(CancellationToken.None);
        }

        cancellation.ThrowIfCancellationRequested();
        if (process.ExitCode == 0) return;
        var why = problem is null ? $"it ended with code {process.ExitCode}"
            : BtxException.OneLine(problem.StartsWith("error: ", StringComparison.Ordinal) ? problem["error: ".Length..] : problem);
        throw new BtxException($"the re-mixed BTX model could not be exported: {why}");
    }

    private static void End(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception)
        {
            // It has ended.
        }
    }

    // The host that runs this program, where that is one.
    private static string Host() => Environment.ProcessPath is { } self && Path.GetFileNameWithoutExtension(self) == "dotnet"
        ? self : "dotnet";

    [GeneratedRegex(@"^export (\d+)/(\d+): (.*)$")]
    private static partial Regex Step();
}
