using System.Diagnostics;
using System.Globalization;
using Btx.LoadTests.Sweeps;

namespace Btx.LoadTests.Tests.Sweeps;

/// <summary>A server that is started, with a script in its place.</summary>
public sealed class ServerProcessTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("btx-server-process-");

    private string Log => Path.Combine(_directory.FullName, "server-1.log");

    private string PidFile => Path.Combine(_directory.FullName, "pid");

    [Fact]
    public async Task Its_addresses_are_read_when_both_are_there_and_it_ends_with_its_owner()
    {
        var server = await ServerProcess.StartAsync(
            Script(
                "echo $$ >pid; echo '  HTTP     http://127.0.0.1:81/v1   (metrics)'; printf '  gRPC     "
                    + "http://127.0.0.1:8'; sleep 0.1; echo 2; exec sleep 1000"),
                ["--slots=3"], Log, TestContext.Current.CancellationToken);
        Assert.Equal("http://127.0.0.1:81/", server.Http.ToString());
        Assert.Equal("http://127.0.0.1:82/", server.Grpc.ToString());
        Assert.False(server.Ended);
        using var process = Process.GetProcessById(int.Parse(await File.ReadAllTextAsync(PidFile, TestContext.Current.CancellationToken),
            CultureInfo.InvariantCulture));
        await server.DisposeAsync();
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Contains("serve --slots=3 --http 127.0.0.1:0 --grpc 127.0.0.1:0",
            await File.ReadAllTextAsync(Log, TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_that_ends_at_once_is_reported_with_its_own_line()
    {
        var error = await Assert.ThrowsAsync<LoadTestException>(() =>
            ServerProcess.StartAsync(Script("echo 'error: no such forest' >&2; exit 1"), [], Log, TestContext.Current.CancellationToken));
        Assert.Equal($"the server ended at once: no such forest (all of it: {Log})", error.Message);
    }

    [Fact]
    public async Task Its_error_comes_before_the_advice_that_follows_it()
    {
        var error = await Assert.ThrowsAsync<LoadTestException>(() =>
            ServerProcess.StartAsync(Script("echo 'error: there is no --nonsense' >&2; echo 'see: btx serve --help' >&2; exit 2"), [], Log,
            TestContext.Current.CancellationToken));
        Assert.Equal($"the server ended at once: there is no --nonsense (all of it: {Log})", error.Message);
    }

    [Fact]
    public async Task It_is_ended_when_its_start_is_cancelled()
    {
        using var stop = new CancellationTokenSource();
        var starting = ServerProcess.StartAsync(Script("echo $$ >pid.tmp; mv pid.tmp pid; exec sleep 1000"), [], Log, stop.Token);
        while (!File.Exists(PidFile)) await Task.Delay(5, TestContext.Current.CancellationToken);
        using var process = Process.GetProcessById(int.Parse(await File.ReadAllTextAsync(PidFile, TestContext.Current.CancellationToken),
            CultureInfo.InvariantCulture));
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => starting);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public void The_program_must_be_there() =>
        Assert.StartsWith("--server-command nowhere.dll: not found",
        Assert.Throws<LoadTestException>(() => ServerProcess.Program("nowhere.dll")).Message, StringComparison.Ordinal);

    [Fact]
    public void What_is_served_is_served_read_only()
    {
        var mixtures = new Dictionary<string, string> { ["fp32"] = "/b", ["int4"] = "/c" };
        var inputs = new ServerInputs(new Dictionary<string, string> { ["fp32"] = "/a" }, mixtures, ["fp32", "int4"], Concurrency: 32,
            AveragesOnDemand: true, new Dictionary<string, string>(), []);
        Assert.Equal(["--forest", "/a", "--btx", "/b", "--read-only", "--slots=32", "--averages=demand", "--threads=2"],
            inputs.Arguments("fp32", new Dictionary<string, string> { ["--threads"] = "2" }, verified: false));
        Assert.Equal(["--btx", "/c", "--read-only", "--no-verify", "--averages=load", "--slots=4"],
            (inputs with { AveragesOnDemand = true }).Arguments("int4",
            new Dictionary<string, string> { ["--slots"] = "4", ["--averages"] = "load" }, verified: true));
    }

    public void Dispose() => _directory.Delete(recursive: true);

    private string[] Script(string text)
    {
        var path = Path.Combine(_directory.FullName, "server.sh");
        File.WriteAllText(path, $"cd '{_directory.FullName}'\n{text}\n");
        return ["sh", path];
    }
}
