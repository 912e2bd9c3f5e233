using System.Diagnostics;
using Btx.Fixtures;
using Btx.LoadTests.Costs;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Tests.Sweeps;

/// <summary>The quick form from end to end, with servers of its own: structure, files, and going on after a kill. No speed.</summary>
public sealed class QuickSweepTests(SweepProgram program) : IClassFixture<SweepProgram>
{
    [Fact]
    public async Task A_sweep_that_was_killed_goes_on_and_leaves_everything_that_a_report_needs()
    {
        var run = program.At("run");
        string[] command =
        [
            "sweep", "--quick", "--forest", program.Forest, "--btx", program.Mixture, "--corpus", program.At("corpus"), "--out", run, "--k",
                "1,2", "--concurrency", "1,3", "--requests", "80", "--duration", "20", "--warm-up", "0.1",
            "--server-warm-up", "0.2", "--rate", "50%,150%", "--rate-modes", "ensemble", "--option=--prefill-chunk=64", "--modes",
                "ensemble,top_k,moe", "--router", "probe", "--quality-tokens", "150", "--reference-every", "6",
        ];
        string[] before = [.. SweepProgram.Listing(program.Forest), .. SweepProgram.Listing(program.Mixture)];
        await KillAfterAsync(3, command, run);
        var kept = RunJson.ReadLines<PointResult>(Path.Combine(run, RunDirectory.Points));
        Assert.True(kept.Count >= 3);

        var (exit, output, errors) = await SweepProgram.RunAsync(command);
        Assert.True(exit == 0, errors + output);
        Assert.Contains("are there already", output, StringComparison.Ordinal);
        Assert.Equal(before, SweepProgram.Listing(program.Forest).Concat(SweepProgram.Listing(program.Mixture)));

        var points = RunJson.ReadLines<PointResult>(Path.Combine(run, RunDirectory.Points));
        Assert.Equal(kept.Select(p => p.Started), points.Take(kept.Count).Select(p => p.Started));
        Assert.Equal(points.Count, points.DistinctBy(p => (p.Settings.Name, p.Repeat, p.Reference)).Count());
        // Closed: (ensemble, top_k 1 and 2, moe 1 and 2) × 2 loads; open: ensemble × 2 rates; each twice.
        Assert.Equal(20, points.Count(p => p is { Reference: false, Settings.Load: "closed" }));
        Assert.Equal(4, points.Count(p => p is { Reference: false, Settings.Load: "open" }));
        Assert.True(points.Count(p => p.Reference) >= 4);
        Assert.All(points, p => Assert.Equal((80, 0), (p.Summary.Requests, p.Summary.Failed)));
        Assert.All(points, p => Assert.Equal((2, 4), (p.Experts, p.MixtureExperts)));
        Assert.All(points, p => Assert.True(p.Server!.Requests > 0));
        // Metrics are read while steps go on: at each edge some steps may be counted without their experts, or these without them.
        Counted(1, 1, points.First(p => p.Settings is { Mode: "top_k", K: 1, Concurrency: 1 }).Server!, f => f.DistinctExperts);
        Counted(2, 2, points.First(p => p.Settings is { Mode: "ensemble", Load: "closed" }).Server!, f => f.DistinctExperts);
        Counted(2, 4, points.First(p => p.Settings is { Mode: "moe", K: 2 }).Server!, f => f.DistinctMixtureExperts);
        foreach (var point in points)
        {
            var records = RunJson.ReadLines<RequestRecord>(Path.Combine(run,
                RunDirectory.Requests, $"{point.Settings.Name}{(point.Reference ? "-ref" : "")}-r{point.Repeat}.jsonl"));
            Assert.Equal(point.Summary.Requests, records.Count(r => !r.WarmUp));
        }

        var quality = RunJson.Read<QualityTable>(Path.Combine(run, RunDirectory.Quality));
        Assert.Equal(["ensemble@fp32", "moe:k=1@fp32", "moe:k=2@fp32", "top_k:k=1@fp32", "top_k:k=2@fp32"],
            quality.BitsPerByte.Keys.Order(StringComparer.Ordinal));
        Assert.All(quality.BitsPerByte.Values, b => Assert.Equal(["alpha", "beta"], b.Keys.Order(StringComparer.Ordinal)));
        // two of two are all
        Assert.Equal(quality.BitsPerByte["ensemble@fp32"]["beta"], quality.BitsPerByte["top_k:k=2@fp32"]["beta"], 1e-3);
        Assert.Contains("router probe", quality.Source, StringComparison.Ordinal);

        var change = RunJson.Read<ChangeTimeline>(Path.Combine(run, RunDirectory.Change));
        Assert.Equal(("beta", 0), (change.Expert, change.Failed));
        Assert.Equal(["remove", "add"], change.Changes.Select(c => c.Kind));
        Assert.All(change.Changes, c => Assert.Contains(c.Phases, p => p.Name == "swap" && p.At >= c.Begin && p.At <= c.End));
        Assert.True(change.Changes[0].End < change.Changes[1].Begin && change.Changes[1].End < change.Windows[^1].To);
        Assert.Contains(change.Windows, w => w.MedianGap > 0);

        Assert.True(RunJson.Read<Ceiling>(Path.Combine(run, RunDirectory.CeilingFile)).TokensPerSecond > 0);
        var description = RunJson.Read<RunDescription>(Path.Combine(run, RunDirectory.Description));
        Assert.Contains("sweep --quick", description.Command, StringComparison.Ordinal);
        Assert.True(description.Machine.Cores > 0 && description.Machine.MemoryBytes > 0);

        (exit, output, errors) = await SweepProgram.RunAsync("report", run);
        Assert.True(exit == 0 && errors.Length == 0, errors + output);
        Assert.NotEmpty(Directory.GetFiles(Path.Combine(run, RunDirectory.Charts), "*.svg"));
        Assert.Contains("<svg", await File.ReadAllTextAsync(Path.Combine(run, RunDirectory.Page), TestContext.Current.CancellationToken),
            StringComparison.Ordinal);
        Assert.Contains("# How many experts should run?", await File.ReadAllTextAsync(Path.Combine(run, RunDirectory.Markdown),
            TestContext.Current.CancellationToken), StringComparison.Ordinal);
        var fits = RunJson.Read<CostAnalysis>(Path.Combine(run, RunDirectory.Fits));
        Assert.NotEmpty(fits.Frontiers);
        Assert.NotEmpty(fits.Recommendations);

        (exit, _, errors) = await SweepProgram.RunAsync([.. command, "--seed", "2"]);
        Assert.Equal(1, exit);
        Assert.Contains("--seed was \"1\", is \"2\"", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_value_of_a_server_option_has_a_server_of_its_own()
    {
        var run = program.At("options");
        var (exit, output, errors) = await SweepProgram.RunAsync(
            "sweep", "--quick", "--forest", program.Forest, "--corpus", program.At("corpus"), "--out", run, "--modes", "ensemble",
                "--concurrency", "1", "--repeats", "1", "--rate", "20", "--requests", "6", "--duration", "20",
            "--server-warm-up", "0.2", "--option=--slots=2,3", "--change", "none", "--json", "-");
        Assert.True(exit == 0, errors + output);
        Assert.Equal(["--slots=2", "--slots=3"], Directory.GetFiles(run, "server-*.log").Select(f => File.ReadLines(f).First().Split(' ')
            .Single(w => w.StartsWith("--slots", StringComparison.Ordinal))).Distinct().Order(StringComparer.Ordinal));
        using var json = System.Text.Json.JsonDocument.Parse(output);
        Assert.Equal(4, json.RootElement.GetProperty("points").GetInt32());
        Assert.False(File.Exists(Path.Combine(run, RunDirectory.Change)));
        Assert.Equal(
            ["ensemble-c1-fp32-slots=2", "ensemble-c1-fp32-slots=3", "ensemble-r20-fp32-slots=2", "ensemble-r20-fp32-slots=3"],
            RunJson.ReadLines<PointResult>(Path.Combine(run, RunDirectory.Points)).Where(p => !p.Reference).Select(p => p.Settings.Name)
                .Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Peers_are_measured_beside_the_server_with_the_same_prompts()
    {
        using var served = new TinyServedForest(new TinyForest { Experts = 1 }, o => o with { GenAI = true });
        var run = program.At("peers");
        var (exit, output, errors) = await SweepProgram.RunAsync(
            "sweep", "--quick", "--forest", served.Served, "--corpus", program.At("corpus"), "--out", run, "--modes", "expert:alpha",
            "--concurrency", "2", "--rate", "5", "--rate-modes", "ensemble", "--repeats", "1", "--requests", "6", "--duration", "20",
            "--warm-up", "0", "--server-warm-up", "0.1", "--change", "none", "--peer", $"dense={served.Served}", "--peer",
            $"llama.cpp={Path.Combine(served.Forest, "experts", "alpha")}",
                "--peer", $"genai={Path.Combine(served.Served, "weights", "alpha")}");
        Assert.True(exit == 0, errors + output);
        var points = RunJson.ReadLines<PointResult>(Path.Combine(run, RunDirectory.Points)).Where(p => !p.Reference)
            .OrderBy(p => p.Settings.Mode, StringComparer.Ordinal).ToArray();
        Assert.Equal(["expert:alpha", "peer:dense", "peer:genai", "peer:llama.cpp"], points.Select(p => p.Settings.Mode));
        Assert.All(points, p => Assert.Equal((6, 0, 48), (p.Summary.Requests, p.Summary.Failed, p.Summary.CompletionTokens)));
        Assert.Single(points.DistinctBy(p => p.Summary.PromptTokens));
        Assert.StartsWith("this server on a dense model, fp32", points[1].Peer, StringComparison.Ordinal);
        Assert.StartsWith("ONNX Runtime GenAI", points[2].Peer, StringComparison.Ordinal);
        Assert.Contains("fp32, 1 thread, 2 slots; cache in fp16", points[3].Peer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_cannot_start_is_reported_with_its_own_line()
    {
        var (exit, _, errors) = await SweepProgram.RunAsync("sweep", "--quick", "--forest", program.Forest, "--corpus",
            program.At("corpus"), "--out", program.At("bad"), "--option=--slots=0");
        Assert.Equal(1, exit);
        Assert.StartsWith("error: the server ended at once: ", errors, StringComparison.Ordinal);
        Assert.Contains("slots", errors, StringComparison.OrdinalIgnoreCase);
        Assert.Single(errors.Trim().Split('\n'));
    }

    [Theory]
    [InlineData("--out is required", "sweep", "--corpus", "c")]
    [InlineData("--modes nonsense: unknown mode", "sweep", "--corpus", "c", "--out", "r", "--modes", "nonsense")]
    [InlineData("--concurrency 0..2: expected", "sweep", "--corpus", "c", "--out", "r", "--concurrency", "0..2")]
    [InlineData("--corpus c: no such directory", "sweep", "--corpus", "c", "--out", "r")]
    [InlineData("--option --forest=x: the sweep sets --forest itself", "sweep", "--corpus", "c", "--out", "r", "--option=--forest=x")]
    public async Task Bad_input_is_refused_before_anything_is_started(string message, params string[] command)
    {
        var (exit, _, errors) = await SweepProgram.RunAsync(command);
        Assert.InRange(exit, 1, 2);
        Assert.Contains(message, errors.Replace("Option '--out' is required", "--out is required", StringComparison.Ordinal),
            StringComparison.Ordinal);
    }

    /// <summary>From <paramref name="least"/> to <paramref name="most"/> experts in a decode step, but for those at both edges.</summary>
    private static void Counted(int least, int most, ServerFigures figures, Func<ServerFigures, double?> distinct) =>
        Assert.InRange(distinct(figures)!.Value, 0.9 * least, 1.1 * most);

    private static async Task KillAfterAsync(int measurements, string[] command, string run)
    {
        using var process = SweepProgram.Start(command);
        var errors = process.StandardError.ReadToEndAsync();
        string? line;
        do line = await process.StandardOutput.ReadLineAsync();
        while (line?.Contains($" {measurements}/", StringComparison.Ordinal) == false);
        if (line is null) Assert.Fail(await errors);
        process.Kill();
        await process.WaitForExitAsync();
        // Its server ends with it.
        var server = File.ReadLines(Path.Combine(run, "server-1.log")).First(l => l.Contains("gRPC", StringComparison.Ordinal)).Split(' ',
            StringSplitOptions.RemoveEmptyEntries)[1];
        using var http = new HttpClient();
        var gone = Stopwatch.StartNew();
        while (await AnswersAsync(http, server) && gone.Elapsed < TimeSpan.FromMinutes(1)) await Task.Delay(20);
        Assert.False(await AnswersAsync(http, server));
    }

    private static async Task<bool> AnswersAsync(HttpClient http, string address)
    {
        try
        {
            using var response = await http.GetAsync(new Uri(address));
            return true;
        }
        catch (HttpRequestException e) when (e.HttpRequestError == HttpRequestError.ConnectionError)
        {
            return false;
        }
        catch (HttpRequestException)
        {
            return true; // it speaks HTTP/2 only
        }
    }
}
