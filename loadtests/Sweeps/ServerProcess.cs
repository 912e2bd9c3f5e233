using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Btx.LoadTests.Sweeps;

/// <summary>A server in a process of its own, on loopback ports that the system chose. It ends when this program does.</summary>
internal sealed partial class ServerProcess(Process guard, string log) : IAsyncDisposable
{
    /// <summary>Names the program where the command line does not; the launcher sets it.</summary>
    public const string Variable = "BTX_SERVER_PROGRAM";

    // The shell ends the server when its own input ends: when this program says so, or is gone. A Ctrl-C in the terminal is this
    // program's to answer.
    private const string Guard =
        """
        trap '' INT; exec 2>/dev/null
        exec 3<&0
        log=$1; shift
        "$@" >>"$log" 2>&1 </dev/null 3<&- &
        server=$!
        { cat <&3 >/dev/null; kill -KILL $server; } 2>/dev/null &
        wait $server; code=$?
        kill $! 2>/dev/null
        exit $code
        """;

    public string Log => log;

    public Uri Grpc { get; private set; } = null!;

    public Uri Http { get; private set; } = null!;

    public bool Ended => guard.HasExited;

    /// <param name="path">Btx.Server.dll or an executable; null: as <see cref="Variable"/> says.</param>
    public static string[] Program(string? path)
    {
        var said = path is null ? Variable : "--server-command";
        path ??= Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } set ? set
            : throw new LoadTestException($"which program serves? Run `./btx loadtest`, or name it with --server-command or in {Variable}");
        if (!File.Exists(path)) throw new LoadTestException($"{said} {path}: not found; name Btx.Server.dll or an executable");
        path = Path.GetFullPath(path);
        if (!path.EndsWith(".dll", StringComparison.Ordinal)) return [path];
        return [Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? Environment.ProcessPath! : "dotnet", path];
    }

    /// <summary>Starts it and waits until it listens.</summary>
    public static async Task<ServerProcess> StartAsync(string[] program, IEnumerable<string> arguments, string log,
        CancellationToken cancellation)
    {
        string[] words = [.. program, "serve", .. arguments, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"];
        await File.AppendAllTextAsync(log, $"$ {string.Join(' ', words)}\n", cancellation);
        var begin = (await File.ReadAllTextAsync(log, cancellation)).Length;
        var start = new ProcessStartInfo("sh", ["-c", Guard, "sh", log, .. words]) { RedirectStandardInput = true };
        var server = new ServerProcess(Process.Start(start)!, log);
        try
        {
            while (true)
            {
                var ended = server.Ended;
                var text = (await File.ReadAllTextAsync(log, cancellation))[begin..];
                var addresses = Address().Matches(text).ToLookup(m => m.Groups[1].Value, m => new Uri(m.Groups[2].Value));
                if (addresses.Contains("gRPC") && addresses.Contains("HTTP"))
                {
                    server.Grpc = addresses["gRPC"].First();
                    server.Http = new(addresses["HTTP"].First().GetLeftPart(UriPartial.Authority));
                    return server;
                }

                if (ended) throw new LoadTestException($"the server ended at once: {Cause(text)} (all of it: {log})");
                await Task.Delay(20, cancellation);
            }
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>The error that it ended with, for messages; empty if it named none.</summary>
    public string LastError() => File.ReadLines(Log).LastOrDefault() is { } line && line.StartsWith("error: ", StringComparison.Ordinal)
        ? $": {line["error: ".Length..]}" : "";

    public async ValueTask DisposeAsync()
    {
        try
        {
            guard.StandardInput.Close();
        }
        catch (IOException) { } // it has ended

        await guard.WaitForExitAsync(CancellationToken.None);
        guard.Dispose();
    }

    // Its last error; after it may stand where to read more.
    private static string Cause(string text)
    {
        string[] lines = [.. text.Split('\n').Select(l => l.Trim()).Where(l => l.Length > 0 && l[0] != '$')];
        return lines.LastOrDefault(l => l.StartsWith("error: ", StringComparison.Ordinal))?["error: ".Length..]
            ?? lines.LastOrDefault() ?? "it wrote nothing";
    }

    [GeneratedRegex(@"^  (HTTP|gRPC) +(http://\S+)[^\n]*\n", RegexOptions.Multiline)]
    private static partial Regex Address();
}
