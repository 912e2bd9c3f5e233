using Btx.LoadTests.Sweeps;

namespace Btx.LoadTests.Verbs;

/// <summary><c>btx loadtest sweep</c>: mode × k × load × precision × server options, measured.</summary>
internal static class SweepVerb
{
    private const string Text =
        """
        Measure what routing costs: every combination of mode, k, concurrency or rate, precision and server options, each
        several times, in a shuffled order, with a reference point in between that shows the machine's noise. Starts `btx serve`
        as it needs it, on loopback, read-only. Ctrl-C keeps what was measured; the same command goes on from there. `btx
        loadtest report RUN` makes fits, pictures and a page of it.

        Examples:
          btx loadtest sweep --forest served --btx served-btx --corpus corpus --out run
          btx loadtest sweep --forest served --corpus corpus --out run --modes ensemble,top_k --k 1..4 --concurrency 1,4,16 \
            --rate 25%,50%,75%,100%,125% --rate-modes ensemble,top_k=2
          btx loadtest sweep --forest served --forest served-fp16 --corpus corpus --out run --quality-tokens 5000
          btx loadtest sweep --forest served --corpus corpus --out run --option=--intra-op-threads=1,2 --evaluation evaluation.json \
            --objective ttft=0.5,itl=0.05
          btx loadtest sweep --forest served --btx served-btx --corpus corpus --out run --modes expert:novels,moe --k 2 \
            --peer llama.cpp=forest/experts/novels --peer genai=served-genai/weights/novels --peer dense-k2=served-dense-k2
          btx loadtest sweep --forest served --btx served-btx --corpus corpus --out quick --quick
        """;

    public static Command Create()
    {
        var (flags, json) = (new SweepFlags(), new JsonFlag());
        var command = new Command("sweep", Text) { flags.All, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            var request = flags.Read(parsed);
            json.RequireWritable(parsed);
            var output = parsed.GetValue(json) == "-" ? Console.Error : Console.Out;
            SweepOutcome outcome;
            using (var display = new ProgressDisplay(output: output))
                outcome = await new Sweep(request, CommandLine(), display.Start("sweep", 0, null)).RunAsync(cancellation);
            if (request.Shape.Objective is { } objective)
                await output.WriteLineAsync(Verdict(objective, outcome.Results));
            await output.WriteLineAsync($"{outcome.Points} points, {outcome.Results.Count} measurements in {outcome.Directory}; next: "
                + $"btx loadtest report {request.Out}");
            json.Write(parsed, outcome, []);
            return 0;
        });
        return command;
    }

    /// <summary>Which points met the objective; where none did, the nearest.</summary>
    internal static string Verdict(ServiceObjective objective, IReadOnlyList<PointResult> results)
    {
        var shares = results.Where(r => !r.Reference).GroupBy(r => r.Settings.Name)
            .Select(g => (Name: g.Key, Share: g.Average(r => r.Summary.GoodputPerSecond!.Value / r.Summary.OfferedPerSecond))).ToArray();
        var met = shares.Count(s => s.Share >= objective.Share);
        if (met > 0) return $"{met} of {shares.Length} points met the objective in at least {objective.Share:P1} of their requests";
        var (name, best) = shares.MaxBy(s => s.Share);
        return $"no point met the objective in {objective.Share:P1} of its requests; the nearest is {name} with {best:P1}. Allow more "
            + "time, or measure lower loads (--concurrency, --rate)";
    }

    internal static string CommandLine() => "./btx loadtest " + string.Join(' ', Environment.GetCommandLineArgs().Skip(1)
        .Select(a => a.All(c => char.IsAsciiLetterOrDigit(c) || "-_=./:,%".Contains(c)) ? a : $"'{a.Replace("'", "'\\''")}'"));
}
