using System.CommandLine;
using Btx.Cli;
using Btx.LoadTests.Changes;
using Btx.LoadTests.Quality;
using Btx.LoadTests.Records;
using Btx.LoadTests.Sweeps;
using Btx.V1;

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
          btx loadtest sweep --forest served --corpus corpus --out run --modes ensemble,top_k --k 1..4 --concurrency 1,4,16 --rate 25%,50%,75%,100%,125% --rate-modes ensemble,top_k=2
          btx loadtest sweep --forest served --forest served-fp16 --corpus corpus --out run --quality-tokens 5000
          btx loadtest sweep --forest served --corpus corpus --out run --option=--intra-op-threads=1,2 --evaluation evaluation.json --objective ttft=0.5,itl=0.05
          btx loadtest sweep --forest served --btx served-btx --corpus corpus --out run --modes expert:novels,moe --k 2 --peer llama.cpp=forest/experts/novels --peer genai=served-genai/weights/novels --peer dense-k2=served-dense-k2
          btx loadtest sweep --forest served --btx served-btx --corpus corpus --out quick --quick
        """;

    public static Command Create()
    {
        var flags = new SweepFlags();
        var evaluation = new Flag<string?>("--evaluation FILE", "quality of the points in fp32, from `btx evaluate --json`");
        var tokens = new Flag<int>("--quality-tokens N",
            "measure quality through the servers, in every precision alike, on so many tokens of each domain; 0: not (instead of "
                + "--evaluation)", 0);
        var select = new Choice("--quality-select", ["prompt", "per_token"],
            "while scoring, top_k and top_p choose once (prompt) or for every token (per_token)", "prompt");
        var changes = new Choice("--change", ["remove-add", "none"],
            "end with changes under load, on a copy of the forest: remove-add (the last expert leaves and comes again) or none (remove-add "
                + "where servers are started with a forest)");
        var guest = new Flag<string?>("--change-expert DIR", "add this expert under load, then remove it");
        var rounds = new Flag<int?>("--change-rounds N", "how often (3)");
        var json = new JsonFlag();
        var command = new Command("sweep", Text) { flags.All, evaluation, tokens, select, changes, guest, rounds, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            var request = flags.Read(parsed);
            json.RequireWritable(parsed);
            var quality = new QualityRequest(parsed.GetValue(evaluation), parsed.GetValue(tokens),
                parsed.GetValue(select) == "prompt" ? Selection.Prompt : Selection.PerToken);
            if (quality is { Evaluation: not null, Tokens: not 0 })
                throw new LoadTestException(
                    "--evaluation and --quality-tokens are both given: figures of two kinds do not belong on one axis; choose one");
            if (quality.Tokens < 0) throw new LoadTestException($"--quality-tokens {quality.Tokens}: expected 0 or more");
            var change = Change(request, parsed.GetValue(changes), parsed.GetValue(guest), parsed.GetValue(rounds));
            var output = parsed.GetValue(json) == "-" ? Console.Error : Console.Out;
            SweepOutcome outcome;
            using (var display = new ProgressDisplay(output: output))
            {
                outcome = await new Sweep(request, quality, change, CommandLine(), display.Start("sweep", 0, null)).RunAsync(cancellation)
                    .ConfigureAwait(false);
            }

            if (request.Shape.Objective is { } objective)
                await output.WriteLineAsync(Verdict(objective, outcome.Results)).ConfigureAwait(false);
            await output
                .WriteLineAsync($"{outcome.Points} points, {outcome.Results.Count} measurements in {outcome.Directory}; next: btx "
                    + $"loadtest report {request.Out}")
                .ConfigureAwait(false);
            json.Write(parsed, outcome, []);
            return 0;
        });
        return command;
    }

    private static ChangeRequest Change(SweepRequest request, string? kind, string? guest, int? rounds)
    {
        if (rounds < 1) throw new LoadTestException($"--change-rounds {rounds}: expected 1 or more; --change none leaves changes out");
        if (guest is not null && kind is not null)
            throw new LoadTestException($"--change-expert {guest}: says already what is changed; leave --change {kind} out");
        if (guest is not null && !Directory.Exists(guest))
            throw new LoadTestException($"--change-expert {guest}: no such directory; name an expert's");
        var possible = request.Servers.Forests.Count > 0;
        if (!possible && (guest is not null || kind == "remove-add"))
            throw new LoadTestException($"{(guest is null ? "--change remove-add" : $"--change-expert {guest}")}: a forest is changed "
                + "only on a server that the sweep starts, on a copy; give --forest DIR, not --server");
        var usual = request.Quick ? 1 : 3;
        return new(kind == "none" || !possible ? 0 : rounds ?? usual, guest, Math.Min(4, request.Grid.Concurrency.DefaultIfEmpty(4).Max()),
            TimeSpan.FromSeconds(request.Quick ? 1 : 5));
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

    private static string CommandLine() => "./btx loadtest " + string.Join(' ', Environment.GetCommandLineArgs().Skip(1)
        .Select(a => a.All(c => char.IsAsciiLetterOrDigit(c) || "-_=./:,%".Contains(c)) ? a : $"'{a.Replace("'", "'\\''")}'"));
}
