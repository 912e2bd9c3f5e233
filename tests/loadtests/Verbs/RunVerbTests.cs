using System.Diagnostics;
using System.Text.Json;
using Btx.LoadTests.Records;
using Btx.LoadTests.Tests.Fakes;

namespace Btx.LoadTests.Tests.Verbs;

/// <summary>The program as its users start it.</summary>
public sealed class RunVerbTests : IClassFixture<TinyServer>, IDisposable
{
    private readonly TinyServer _server;
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("btx-run-");

    public RunVerbTests(TinyServer server)
    {
        _server = server;
        foreach (var domain in new[] { "alpha", "beta" })
        {
            Directory.CreateDirectory(Path.Combine(_folder.FullName, "corpus", domain));
            File.WriteAllText(Path.Combine(_folder.FullName, "corpus", domain, "test.jsonl"),
                "{\"id\": \"1\", \"text\": \"The cat sat on the mat, and the dog lay by the door of the house.\"}\n");
        }
    }

    private string Corpus => Path.Combine(_folder.FullName, "corpus");

    private string[] Server => ["--server", $"{_server.Grpc.Authority},{_server.Http.Authority}"];

    [Theory]
    [InlineData("grpc", "closed:2")]
    [InlineData("http", "poisson:100")]
    public async Task A_load_leaves_a_table_and_the_runs_files(string kind, string arrivals)
    {
        var (run, json) = (Path.Combine(_folder.FullName, "run"), Path.Combine(_folder.FullName, "run.json"));
        var (code, output, errors) = await Run([
            "run", "--corpus", Corpus, .. Server, "--door", kind, "--arrivals", arrivals, "--prompt-tokens", "uniform:4..9",
                "--output-tokens", "fixed:6", "--warm-up-requests", "2", "--requests", "12",
            "--objective", "e2e=1e-9", "--out", run, "--json", json]);
        Assert.True(code == 0, errors);
        foreach (var part in new[] { "time to first token", "inter-token", "end to end", "throughput", "status      ok 12",
            "no request met the objective; the nearest had end-to-end latency", "server", "of what it can do" })
            Assert.Contains(part, output);
        var point = Assert.Single(RunJson.ReadLines<PointResult>(Path.Combine(run, RunDirectory.Points)));
        Assert.Equal((12, 0, 0.0), (point.Summary.Requests, point.Summary.Failed, point.Summary.GoodputPerSecond!.Value));
        Assert.Equal((3, "ensemble", "fp32"), (point.Experts!.Value, point.Settings.Mode, point.Settings.Precision));
        Assert.Equal(14,
            RunJson.ReadLines<RequestRecord>(Path.Combine(run, RunDirectory.Requests, $"{point.Settings.Name}-r0.jsonl")).Count);
        var description = RunJson.Read<RunDescription>(Path.Combine(run, RunDirectory.Description));
        Assert.Equal((kind, "fixed:6", "2 requests", "12 requests"),
            (description.Load.Door, description.Load.OutputTokens, description.Load.WarmUp, description.Load.Bound));
        Assert.True(RunJson.Read<Ceiling>(Path.Combine(run, RunDirectory.CeilingFile)).TokensPerSecond > 0);
        using var written = JsonDocument.Parse(File.ReadAllText(json));
        Assert.Equal(12, written.RootElement.GetProperty("point").GetProperty("summary").GetProperty("requests").GetInt32());
        var again = await Run(["run", "--corpus", Corpus, .. Server, "--out", run]);
        Assert.Equal((1, $"error: --out {run}: holds a run already; name another directory\n"), (again.Code, again.Errors));
    }

    [Fact]
    public async Task Bad_input_is_one_line_with_its_remedy()
    {
        var nobody = ScriptedServer.Nobody().Authority;
        foreach (var (arguments, message) in new (string[], string)[]
        {
            (["run", "--corpus", Corpus, "--server",
                nobody], $"error: no server listens at http://{nobody}; start one with `btx serve "
                    + "--forest S`, or name another with --server"),
            (["run", "--corpus", Corpus, "--door", "http",
                "--server", $"{nobody},{nobody}"], $"error: no server listens at http://{nobody}"),
            (["run", "--corpus", Corpus, "--door", "http", "--server", nobody],
                "error: --door http: the server's HTTP address is not named; give both with --server GRPC,HTTP"),
            (["run", "--corpus", Corpus, "--server",
                _server.Http.Authority], $"error: http://{_server.Http.Authority} speaks HTTP/1.1, so it is the HTTP "
                    + "address of a server; give its gRPC address first"),
            (["run", "--corpus", Corpus, "--door", "http",
                "--server", $"{nobody},{_server.Grpc}"], $"error: http://{_server.Grpc.Authority} is the gRPC address "
                    + "of a server, not its HTTP address"),
            (["run", "--corpus", Corpus, .. Server, "--duration", "0"], "error: --duration 0: expected more than 0 seconds"),
            (["run", "--corpus", Corpus, "--server", "10.1.2.3:8081"], "error: --server 10.1.2.3:8081: not on this machine"),
            (["run", "--corpus", Corpus, .. Server, "--mode", "top_k", "--k", "9"], "answered invalid_argument: k is 9"),
            (["run", "--corpus", Corpus, .. Server, "--output-tokens", "128"], "prompt and answer together have 128"),
            (["run", "--corpus", Corpus, .. Server, "--mode", "moe"], "was answered not_found: "),
            (["run", "--corpus", "/nowhere", .. Server], "error: --corpus /nowhere: no such directory"),
            (["run", "--corpus", Corpus, .. Server, "--key-file", "/nowhere"], "error: --api-key-file /nowhere: cannot be read"),
            (["run", "--corpus", Corpus, .. Server, "--out", Corpus], $"error: --out {Corpus}: holds something else than a run"),
            (["run", "--corpus", Corpus, .. Server, "--json", "/nowhere/x.json"], "error: --json /nowhere/x.json cannot be written: "),
            (["ceiling", "--json", Corpus], $"error: --json {Corpus} cannot be written: it is a directory"),
            (["ceiling", "--concurrency", "0"], "error: --concurrency 0: expected 1 or more"),
        })
        {
            var (code, output, errors) = await Run(arguments);
            Assert.True(code == 1, $"{string.Join(' ', arguments)}: {code}");
            Assert.Equal("", output);
            Assert.Contains(message, Assert.Single(errors.TrimEnd('\n').Split('\n')));
        }

        var usage = await Run(["run", "--nonsense"]);
        Assert.Equal(2, usage.Code);
        usage = await Run(["report", "--jsn=x"]); // the parser takes it for the run's directory
        Assert.Equal((2, "error: unknown option \"--jsn=x\"; a text that begins with - goes behind --"),
            (usage.Code, usage.Errors.Split('\n')[0]));
    }

    [Fact]
    public async Task Lengths_say_where_they_are_from_and_what_is_cut_is_told()
    {
        var trace = Path.Combine(_folder.FullName, "trace.csv");
        File.WriteAllText(trace, "arrival,prompt_tokens\n0,3\n0.01,5000\n");
        var (code, output, errors) = await Run(["run", "--corpus", Corpus, .. Server, "--arrivals", $"trace:{trace}", "--output-tokens",
            "fixed:6", "--warm-up", "0", "--no-ceiling"]);
        Assert.True(code == 0, errors);
        Assert.Contains($"prompts trace:{trace} tokens of", output);
        Assert.Contains("answers fixed:6", output);
        Assert.Contains("warning: requests longer than the model's context, which were cut to it: 1", output);
    }

    [Fact]
    public async Task A_server_that_dies_is_said_and_what_was_measured_is_kept()
    {
        var dying = new TinyServer();
        await dying.InitializeAsync();
        await using (dying)
        {
            var run = Path.Combine(_folder.FullName, "dead");
            using var process = Start(["run", "--corpus", Corpus, "--server", $"{dying.Grpc.Authority},{dying.Http.Authority}",
                "--output-tokens", "6", "--warm-up", "0", "--duration", "600", "--no-ceiling", "--out", run]);
            var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
            await LinesAsync(run, 20);
            dying.Kill();
            await process.WaitForExitAsync();
            Assert.Equal(1, process.ExitCode);
            Assert.Contains("error: the server went away", await errors);
            Assert.Contains("unreachable", await output);
            Assert.True(Assert.Single(RunJson.ReadLines<PointResult>(Path.Combine(run, RunDirectory.Points))).Summary.Statuses["ok"] >= 20);
        }
    }

    [Fact]
    public async Task Ctrl_c_ends_a_load_early_and_keeps_what_was_measured()
    {
        var run = Path.Combine(_folder.FullName, "stopped");
        using var process = Start(["run", "--corpus", Corpus, .. Server, "--output-tokens", "6", "--warm-up", "0", "--duration", "600",
            "--no-ceiling", "--out", run]);
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await LinesAsync(run, 20);
        Process.Start("kill", ["-INT", $"{process.Id}"]).WaitForExit();
        await process.WaitForExitAsync();
        Assert.Equal(130, process.ExitCode);
        Assert.Contains("stopped; what was measured is kept", await errors);
        Assert.Contains("throughput", await output);
        var point = Assert.Single(RunJson.ReadLines<PointResult>(Path.Combine(run, RunDirectory.Points)));
        Assert.True(point.Summary is { Requests: >= 20, Failed: 0 });
    }

    [Fact]
    public async Task The_ceiling_is_measured_through_grpc_and_http()
    {
        foreach (var kind in new[] { "grpc", "http" })
        {
            var (code, output, errors) = await Run(["ceiling", "--door", kind, "--duration", "0.3", "--concurrency", "4", "--json", "-"]);
            Assert.True(code == 0, errors);
            var ceiling = JsonSerializer.Deserialize<Ceiling>(output, RunJson.Line)!;
            Assert.Equal((kind, 4), (ceiling.Door, ceiling.Concurrency));
            Assert.True(ceiling is { TokensPerSecond: > 0, RequestsPerSecond: > 0, ProcessorSecondsPerToken: > 0 });
        }
    }

    public void Dispose() => _folder.Delete(recursive: true);

    /// <summary>Waits until so many records are on disk, while the load goes on.</summary>
    private static async Task LinesAsync(string run, int count)
    {
        var requests = Path.Combine(run, RunDirectory.Requests);
        for (var i = 0; ; i++)
        {
            if (Directory.Exists(requests) && Directory.GetFiles(requests).FirstOrDefault() is { } file
                && RunJson.ReadLines<RequestRecord>(file).Count >= count)
                return;
            Assert.True(i < 6000, "no records come");
            await Task.Delay(20);
        }
    }

    // A shell's background job ignores SIGINT, and its children inherit that.
    private static Process Start(string[] arguments) =>
        Process.Start(new ProcessStartInfo("env", ["--default-signal=INT", "dotnet", Path.Combine(AppContext.BaseDirectory,
        "Btx.LoadTests.dll"), .. arguments])
        { RedirectStandardOutput = true, RedirectStandardError = true })!;

    private static async Task<(int Code, string Output, string Errors)> Run(string[] arguments)
    {
        using var process = Start(arguments);
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, await errors);
    }
}
