using System.CommandLine;
using Btx.Cli;
using Btx.LoadTests.Ceilings;
using Btx.LoadTests.Load;
using Btx.LoadTests.Measuring;
using Btx.LoadTests.Records;
using Btx.LoadTests.Sweeps;

namespace Btx.LoadTests.Verbs;

/// <summary><c>btx loadtest run</c>.</summary>
internal static class RunVerb
{
    private const double CeilingSeconds = 1.5;
    private const string Text =
        """
        Put one load on a running server and say how it fared: time to first token, inter-token and end-to-end latency with 95 %
        intervals, throughput, goodput, failures by status, beside the server's own figures. Latency counts from when a request
        was due, so a stalled server cannot hide the requests that it held up. The server must be on this machine, unless
        --allow-remote. Ctrl-C ends the load early and keeps what was measured.

        Examples:
          btx loadtest run --corpus demo/corpus
          btx loadtest run --corpus demo/corpus --mode top_k --k 2 --arrivals poisson:5 --duration 60 --objective ttft=0.5,itl=0.05,share=0.99
          btx loadtest run --corpus demo/corpus --door http --arrivals bursts:1,8,5 --domains novels=0.8,python=0.2 --out runs/bursts
          btx loadtest run --corpus demo/corpus --arrivals trace:trace.csv,2 --prompt-tokens lognormal:48,0.8,200 --json -
        """;

    public static Command Create()
    {
        var flags = new RunFlags();
        var json = new JsonFlag();
        var output = new Flag<string?>("--out DIR", "write the run's files here: settings, a record of each request, the figures");
        var ceiling = new Flag<string?>("--ceiling FILE",
            "the generator's ceiling, as `ceiling --json` wrote it (measured anew before the load)");
        var noCeiling = new Flag<bool>("--no-ceiling", "do not measure the generator's ceiling");
        var command = new Command("run", Text) { flags.All, output, ceiling, noCeiling, json };
        command.Validators.Add(parsed =>
        {
            if (parsed.GetValue(noCeiling) && parsed.GetValue(ceiling) is not null)
                parsed.AddError("'--ceiling' and '--no-ceiling' are both given; choose one.");
        });
        command.SetAction(async (parsed, cancellation) =>
        {
            var request = flags.Read(parsed);
            json.RequireWritable(parsed);
            var known = parsed.GetValue(ceiling) is { } file ? RunJson.Read<Ceiling>(file) : null;
            if (known is not null && known.Door != request.Door)
                throw new LoadTestException($"--ceiling {parsed.GetValue(ceiling)}: is of the door {known.Door}, the load goes through "
                    + $"{request.Door}; measure that one with `btx loadtest ceiling --door {request.Door}`");
            var directory = parsed.GetValue(output) is { } name ? RunFiles.Of(name) : null;
            var result = await RunAsync(request, directory, known, parsed.GetValue(
                noCeiling), $"btx loadtest {string.Join(' ', parsed.Tokens.Select(t => t.Value))}", cancellation).ConfigureAwait(false);
            json.Write(parsed, result, RunReport.Lines(result));
            if (result.GivenUp is { } why) Console.Error.WriteLine($"error: {why}");
            foreach (var lost in result.Unwritten) Console.Error.WriteLine($"error: {lost}");
            if (result.Unwritten.Count > 0)
                Console.Error.WriteLine("the figures above are of all requests; free some space and keep them with --json FILE next time");
            if (result.Stopped) Console.Error.WriteLine("stopped; what was measured is kept");
            return result.Stopped ? 130 : result.GivenUp is not null || result.Unwritten.Count > 0
                || result.Point.Summary.Failed == result.Point.Summary.Requests ? 1 : 0;
        });
        return command;
    }

    private static async Task<RunResult> RunAsync(RunRequest request, RunFiles? files, Ceiling? ceiling, bool noCeiling, string command,
        CancellationToken cancellation)
    {
        await using var door = request.Open();
        using var metrics = request.Http is { } http ? new ServerMetrics(http) : null;
        var served = await door.DescribeAsync(cancellation).ConfigureAwait(false);
        if (served.ContextLength is { } context && request.Outputs.Max >= context)
            throw new LoadTestException($"--output-tokens {request.Outputs.Text}: up to {request.Outputs.Max} tokens; prompt and answer "
                + $"together have {context} in this model");
        var ruler = await PromptRuler.MeasureAsync(door, request.Texts, request.Mix, request.Routing, served, request.Prompts, request.Seed,
            cancellation).ConfigureAwait(false);
        var description = new RunDescription
        {
            Started = DateTimeOffset.UtcNow,
            Command = command,
            Machine = ThisMachine.Describe(),
            Version = typeof(RunVerb).Assembly.GetName().Version!.ToString(3),
            Load = request.Describe(),
            Objective = request.Objective,
            Seed = request.Seed,
        };
        files?.Write(description);
        if (ceiling is null && !noCeiling)
        {
            var concurrency = request.Arrivals is ClosedArrivals closed ? closed.Concurrency : 32;
            ceiling = await CeilingRun.MeasureAsync(request.Door, concurrency, CeilingSeconds, Math.Max(1, (int)request.Prompts.Median),
                Math.Max(1, (int)request.Outputs.Median), cancellation).ConfigureAwait(false);
        }

        if (ceiling is not null) files?.Write(ceiling);
        var settings = request.Settings(served);
        LoadOutcome outcome;
        var plan = new LoadPlan(request.Arrivals, request.Texts, ruler, request.Mix, request.Prompts, request.Outputs, request.Seed);
        var records = files?.Records(settings);
        await using (records)
        using (var display = new ProgressDisplay())
        {
            var item = display.Start("load", request.Bounds is { Seconds: null, Requests: null } ? 0 : 1, null);
            outcome = await new LoadRun
            {
                Door = door,
                Served = served,
                Plan = plan,
                Routing = request.Routing,
                Bounds = request.Bounds,
                Temperature = request.Temperature,
                File = records,
                Metrics = metrics,
                Progress = new DirectProgress<LoadProgress>(p => item.Report(Share(p, request.Bounds), Said(p))),
            }.RunAsync(cancellation).ConfigureAwait(false);
        }

        var point = new PointResult
        {
            Settings = settings,
            Repeat = 0,
            Order = 0,
            Started = outcome.Started,
            Summary = outcome.Summarise(request.Objective),
            Server = outcome.Server,
            Experts = served.Experts.Count,
            MixtureExperts = served.MixtureExperts,
        };
        var unwritten = new List<string>();
        if (records?.Fault is { } fault) unwritten.Add(fault);
        try
        {
            files?.Write(point);
        }
        catch (LoadTestException e)
        {
            unwritten.Add(e.Message); // the figures are told all the same
        }

        var errors = outcome.Records.Where(r => r is { Ok: false, WarmUp: false, Error: not null }).GroupBy(r => r.Status)
            .ToDictionary(g => g.Key, g => g.First().Error!);
        return new(description, point, request.Objective is { } objective ? ObjectiveCheck.Verdict(objective, outcome.Records) : null,
            ceiling, outcome.ProcessorShare, outcome.GivenUp, outcome.Stopped, errors, plan.Shortened,
            unwritten);
    }

    private static string Said(LoadProgress p) => $"{(p.Measuring ? "measuring" : "warm-up")}: {p.Seconds:0} s, {p.Sent} sent, {p.Ended} ended, "
        + $"{p.Failed} failed, {p.Tokens} tokens";

    private static double Share(LoadProgress p, LoadBounds bounds) => Math.Clamp(Math.Max(
        bounds.Seconds is { } seconds ? p.Seconds / (bounds.WarmUpSeconds + seconds) : 0,
        bounds.Requests is { } requests && p.Measuring ? p.Ended / (double)(bounds.WarmUpRequests + requests) : 0), 0, 1);
}
