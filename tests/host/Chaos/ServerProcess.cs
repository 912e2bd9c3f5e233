using System.Diagnostics;
using Btx.V1;
using Grpc.Net.Client;

namespace Btx.Server.Tests.Chaos;

/// <summary>A server as its users start it: a process of its own, on ports that the system chose.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private static readonly TimeSpan Hang = TimeSpan.FromMinutes(5);
    private readonly Process _process;
    private readonly List<string> _errors = [];
    private readonly List<(string Part, int Before, TaskCompletionSource Reached)> _waiting = [];
    private readonly Task _read;
    private GrpcChannel? _channel;

    private ServerProcess(Process process)
    {
        _process = process;
        _read = ReadErrorsAsync();
    }

    public Inference.InferenceClient Inference { get; private set; } = null!;

    public V1.Forest.ForestClient Forest { get; private set; } = null!;

    public HttpClient Http { get; private set; } = null!;

    /// <summary>Where gRPC is listened for.</summary>
    public Uri RpcAddress { get; private set; } = null!;

    public global::Grpc.Health.V1.Health.HealthClient Health { get; private set; } = null!;

    /// <summary>False: it ended before it listened.</summary>
    public bool Started => _channel is not null;

    public int Id => _process.Id;

    /// <summary>What it wrote to standard error so far.</summary>
    public IReadOnlyList<string> Errors
    {
        get
        {
            lock (_errors) return [.. _errors];
        }
    }

    /// <summary>Returns when it listens or the process has ended.</summary>
    /// <param name="problems">Values of <c>--fault-point</c>.</param>
    public static Task<ServerProcess> LaunchAsync(ChaosForest forest, params IEnumerable<string> problems) =>
        LaunchWithinAsync(":", forest, problems);

    /// <param name="limits">A command of the shell that lowers the limits of the process, as <c>ulimit -n 300</c>.</param>
    /// <inheritdoc cref="LaunchAsync"/>
    public static async Task<ServerProcess> LaunchWithinAsync(string limits, ChaosForest forest, params IEnumerable<string> problems)
    {
        string[] arguments =
        [
            Path.Combine(AppContext.BaseDirectory, "Btx.Server.dll"), "serve", "--forest", forest.Served, "--expert-root", forest.Guests,
                "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0",
            "--threads", "1", "--slots", "12", "--prefill-chunk", "16", "--averages", "demand", "--allow-unauthenticated-admin",
                .. problems.SelectMany(f => new[] { "--fault-point", f }),
        ];
        // A write beyond a file-size limit is to fail, not to end the process.
        var start = new ProcessStartInfo("sh", ["-c", $"{limits}; trap '' XFSZ; exec dotnet \"$@\"", "sh",
            .. arguments])
        { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["DOTNET_TC_CallCountingDelayMs"] = "2000";
        var server = new ServerProcess(Process.Start(start)!);
        string? http = null, grpc = null;
        while (grpc is null && await server._process.StandardOutput.ReadLineAsync().WaitAsync(Hang) is { } line)
        {
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.FirstOrDefault() == "HTTP") http = words[1][..^"/v1".Length];
            if (words.FirstOrDefault() == "gRPC") grpc = words[1];
        }

        if (grpc is null)
        {
            await server.EndAsync();
            return server;
        }

        _ = server._process.StandardOutput.ReadToEndAsync();
        server.RpcAddress = new(grpc);
        server._channel = GrpcChannel.ForAddress(server.RpcAddress);
        (server.Inference, server.Forest, server.Health) = (new(server._channel), new(server._channel), new(server._channel));
        server.Http = new() { BaseAddress = new(http!) };
        return server;
    }

    /// <summary>A server that must come up.</summary>
    public static async Task<ServerProcess> StartAsync(ChaosForest forest, params IEnumerable<string> problems)
    {
        var server = await LaunchAsync(forest, problems);
        Assert.True(server.Started, string.Join('\n', server.Errors));
        return server;
    }

    /// <summary>Completes when a fault point with an action was reached, and was reached so often before.</summary>
    public Task ReachedAsync(string point, int before = 0)
    {
        var part = $"fault point {point}: ";
        lock (_errors)
        {
            if (_errors.Count(e => e.Contains(part, StringComparison.Ordinal)) > before) return Task.CompletedTask;
            var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Add((part, before, reached));
            return reached.Task.WaitAsync(Hang);
        }
    }

    /// <summary>Asks it to stop, as an operator does.</summary>
    public void Terminate() =>
        Process.Start("kill", ["-TERM", _process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]).WaitForExit();

    /// <summary>Its exit code.</summary>
    public async Task<int> EndAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(Hang);
        await _read.WaitAsync(Hang);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill();
        await EndAsync();
        _channel?.Dispose();
        Http?.Dispose();
        _process.Dispose();
    }

    private async Task ReadErrorsAsync()
    {
        while (await _process.StandardError.ReadLineAsync() is { } line)
        {
            lock (_errors)
            {
                _errors.Add(line);
                foreach (var (part, before, reached) in _waiting)
                {
                    if (_errors.Count(e => e.Contains(part, StringComparison.Ordinal)) > before) reached.TrySetResult();
                }
            }
        }

        lock (_errors)
        {
            foreach (var (part, _, reached) in _waiting)
                reached.TrySetException(
                    new InvalidOperationException($"the server ended without saying \"{part}\":\n{string.Join('\n', _errors)}"));
        }
    }
}
