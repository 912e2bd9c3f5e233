using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Btx.Trainer.Phases;

/// <summary>Trains one expert of a plan in a process of its own: this program with the verb <c>train worker</c>. It outlives
/// its parent and needs nothing from it.</summary>
internal static partial class ExpertProcess
{
    private const int SigTerm = 15;

    /// <summary>How a worker writes <see cref="TrainingProgress"/>, one line each.</summary>
    public static JsonSerializerOptions Json { get; } = new() { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    /// <param name="report">Receives the progress.</param>
    /// <param name="say">Receives what the user should know, as lines.</param>
    /// <summary>Runs to the end; on cancellation asks the process to stop at a resume point and waits for it.</summary>
    /// <returns>Null when the expert is trained, else why not, in one line.</returns>
    public static async Task<string?> RunAsync(string planDirectory, string name, RunSettings settings, Action<TrainingProgress> report,
        Action<string> say, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var start = Command();
        foreach (var argument in (string[])
            ["train", "worker", "--plan", planDirectory, "--expert", name, "--checkpoint-steps", $"{settings.CheckpointSteps}",
            "--checkpoint-seconds", $"{settings.CheckpointSeconds}",
             "--validate-steps", $"{settings.ValidateSteps}", "--validation-windows", $"{settings.ValidationWindows}"])
            start.ArgumentList.Add(argument);
        start.RedirectStandardInput = start.RedirectStandardOutput = start.RedirectStandardError = true;
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        using var stop = cancellation.Register(() => _ = Kill(process.Id, SigTerm));
        var errors = Task.Run(() => LastLineAsync(process.StandardError), CancellationToken.None);
        while (await process.StandardOutput.ReadLineAsync(CancellationToken.None).ConfigureAwait(false) is { } line)
        {
            if (line.StartsWith('{')) report(JsonSerializer.Deserialize<TrainingProgress>(line, Json));
            else say(line);
        }

        var error = await errors.ConfigureAwait(false);
        await process.WaitForExitAsync(CancellationToken.None).ConfigureAwait(false);
        cancellation.ThrowIfCancellationRequested();
        return process.ExitCode switch
        {
            0 => null,
            > 128 and var code when error.Length == 0 => $"its process was ended by signal {code - 128}",
            var code => error.Length > 0 ? error : $"its process ended with exit code {code}",
        };
    }

    // The program's own launcher where that is what runs; under another host (tests, dotnet), dotnet with this assembly.
    private static ProcessStartInfo Command()
    {
        var assembly = typeof(ExpertProcess).Assembly;
        var self = Environment.ProcessPath;
        if (self is not null && Path.GetFileNameWithoutExtension(self) == Path.GetFileNameWithoutExtension(assembly.Location)
            && !self.EndsWith(".dll", StringComparison.Ordinal))
            return new ProcessStartInfo(self);
        var root = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));
        var start = new ProcessStartInfo(Path.Combine(root, OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet"));
        start.ArgumentList.Add(assembly.Location);
        return start;
    }

    private static async Task<string> LastLineAsync(StreamReader reader)
    {
        var last = "";
        while (await reader.ReadLineAsync(CancellationToken.None).ConfigureAwait(false) is { } line)
        {
            if (line.Trim().Length > 0) last = line.Trim();
        }

        return last.StartsWith("error: ", StringComparison.Ordinal) ? last["error: ".Length..] : last;
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
