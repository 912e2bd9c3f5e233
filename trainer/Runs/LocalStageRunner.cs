using System.Runtime.InteropServices;
using CliWrap;

namespace Btx.Trainer.Runs;

/// <summary>Runs commands as processes of this machine, each in a session of its own: Ctrl-C reaches it from here alone, by SIGTERM, as
/// does everything that it started. A process outlives this one if this one is killed.</summary>
internal sealed partial class LocalStageRunner : IStageRunner
{
    /// <summary>Environment variable with the path of the launcher, for verbs of other programs.</summary>
    public const string Launcher = "BTX_LAUNCHER";

    private const int SigTerm = 15, SigKill = 9;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly string[] OwnVerbs = ["corpus", "tokenizer", "train", "evaluate"];

    public async Task<string?> RunAsync(Stage stage, Action<string, bool> say, CancellationToken cancellation)
    {
        if (cancellation.IsCancellationRequested) return "stopped";
        if (stage.Log is not null) Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(stage.Log))!);
        await using var log = stage.Log is null ? null : new StreamWriter(stage.Log) { AutoFlush = true };
        var (gate, lastError) = (new Lock(), "");
        void Take(string line, bool isError)
        {
            lock (gate)
            {
                log?.WriteLine(line);
                if (isError && line.Trim() is { Length: > 0 } text) lastError = text;
                say(line, isError);
            }
        }

        using var running = new Command("setsid").WithArguments(Resolve(stage.Command)).WithValidation(CommandResultValidation.None)
            .WithStandardOutputPipe(PipeTarget.ToDelegate(line => Take(line, false)))
            .WithStandardErrorPipe(PipeTarget.ToDelegate(line => Take(line, true))).ExecuteAsync(CancellationToken.None);
        using var ended = new CancellationTokenSource();
        using var stop = cancellation.Register(async () =>
        {
            Signal(running.ProcessId, SigTerm);
            await Task.Delay(Patience, ended.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!ended.IsCancellationRequested) Signal(running.ProcessId, SigKill);
        });
        var result = await running.ConfigureAwait(false);
        await ended.CancelAsync().ConfigureAwait(false);
        lastError = lastError.StartsWith("error: ", StringComparison.Ordinal) ? lastError["error: ".Length..] : lastError;
        return result.ExitCode switch
        {
            0 => null,
            > 128 and var code when lastError.Length == 0 => $"its process was ended by signal {code - 128}",
            var code => lastError.Length > 0 ? lastError : $"its process ended with exit code {code}",
        };
    }

    // The session has the process's number, unless the process has not come to make it.
    private static void Signal(int process, int signal)
    {
        if (Kill(-process, signal) != 0) _ = Kill(process, signal);
    }

    // A verb of this program: its own executable where that is what runs; under another host (tests, dotnet), dotnet with this assembly.
    private static IEnumerable<string> Resolve(IReadOnlyList<string> command)
    {
        if (command[0] != "btx") return command;
        if (!OwnVerbs.Contains(command[1])) return [Environment.GetEnvironmentVariable(Launcher) ?? "btx", .. command.Skip(1)];
        var assembly = typeof(LocalStageRunner).Assembly.Location;
        if (Environment.ProcessPath is { } self && Path.GetFileName(self) == Path.GetFileNameWithoutExtension(assembly))
            return [self, .. command.Skip(1)];
        var dotnet = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet"));
        return [dotnet, assembly, .. command.Skip(1)];
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
