using System.Diagnostics;
using Btx.Fixtures;

namespace Btx.LoadTests.Tests.Fakes;

/// <summary>The real server in front of a tiny forest: a process of its own, on ports that the system chose.</summary>
public sealed class TinyServer : IAsyncLifetime
{
    private readonly TinyServedForest _forest = new();
    private Process _process = null!;

    public Uri Http { get; private set; } = null!;

    public Uri Grpc { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        string[] arguments = [Path.Combine(AppContext.BaseDirectory, "Btx.Server.dll"), "serve", "--forest", _forest.Served, "--http",
            "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--threads", "1", "--slots", "4"];
        _process = Process.Start(new ProcessStartInfo("dotnet", arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true
        })!;
        var errors = _process.StandardError.ReadToEndAsync();
        while (Grpc is null && await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.FirstOrDefault() == "HTTP") Http = new(words[1][..^"/v1".Length]);
            if (words.FirstOrDefault() == "gRPC") Grpc = new(words[1]);
        }

        Assert.True(Grpc is not null, Grpc is null ? await errors : "");
        _ = _process.StandardOutput.ReadToEndAsync();
    }

    public void Kill()
    {
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
    }

    public ValueTask DisposeAsync()
    {
        Kill();
        _process.Dispose();
        _forest.Dispose();
        return default;
    }
}
