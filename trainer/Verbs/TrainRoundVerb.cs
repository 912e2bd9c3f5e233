using System.CommandLine;
using Btx.Model;
using Btx.Model.Files;
using Btx.Trainer.Phases;
using Btx.Trainer.Terminal;

namespace Btx.Trainer.Verbs;

/// <summary><c>btx train round</c>: branch, train and merge several experts.</summary>
internal static class TrainRoundVerb
{
    private const string Text =
        """
        One round of Branch-Train-Merge: branch an expert per domain, train each on its own domain alone in a process of its own,
        merge them into the forest. The first round branches from the seed, later ones from the forest's experts.
        Experts that fail do not stop the others; the same command trains what is missing.

        Examples:
          btx train round --forest forest --seed seed --corpus corpus --domains novels,bible,python,german --parallel 2
          btx train round --forest forest --corpus corpus --domains wordnet,man                        the next round, from the forest
          btx train round --forest forest --corpus corpus --domains speeches --branch top_k --k 2
          btx train round --forest forest --seed seed --corpus corpus --freeze shared                  only feed-forwards learn: for mixing
          btx train round --forest control --seed seed --corpus corpus --random-split                  the papers' controls
          btx train round --forest control2 --seed seed --corpus corpus --random-init
        """;

    public static Command Create()
    {
        var flags = new TrainFlags();
        var forest = new Option<string>("--forest")
        {
            Description = "forest directory; made if it is not there",
            HelpName = "DIR",
            Required = true
        };
        var seed = new Option<string?>("--seed") { Description = "model that the first round branches from", HelpName = "DIR" };
        var corpus = new Option<string>("--corpus") { Description = "corpus directory", HelpName = "DIR", Required = true };
        var domains = TrainFlags.Names("--domains", "one expert each (all with the role train)");
        var (branch, k) = BranchFlags();
        var freeze = TrainFlags.Freeze();
        var round = new Option<int?>("--round") { Description = "train this round (the unfinished one, or the next)", HelpName = "N" };
        var parallel = new Option<int>("--parallel")
        {
            Description = "experts trained at once",
            HelpName = "N",
            DefaultValueFactory = _ => 1
        };
        var split = new Option<bool>("--random-split") { Description = "control: random parts of the text instead of domains" };
        var init = new Option<bool>("--random-init") { Description = "control: random weights instead of branches" };
        var json = new Option<string?>("--json")
        {
            Description = "write plan and figures to this file, or - for standard output",
            HelpName = "FILE",
        };
        var command = new Command("round", Text) { forest, seed, corpus, domains, branch, k, freeze, round, parallel, split, init, json };
        foreach (var option in flags.All) command.Options.Add(option);
        command.SetAction((parsed, cancellation) => RunAsync(
            new RoundRequest
            {
                Forest = parsed.GetValue(forest)!,
                Seed = parsed.GetValue(seed),
                Corpus = parsed.GetValue(corpus)!,
                Shards = flags.Shards(parsed),
                Domains = parsed.GetValue(domains)!,
                Branch = Rule(parsed.GetValue(branch)!),
                K = parsed.GetValue(k),
                Round = parsed.GetValue(round),
                Parallel = parsed.GetValue(parallel),
                RandomSplit = parsed.GetValue(split),
                RandomInit = parsed.GetValue(init),
                Configure = defaults => TrainFlags.Freeze(parsed.GetValue(freeze), flags.Apply(parsed, defaults)),
                Settle = (options, tokens) => flags.Settle(parsed, options, tokens),
                Settings = flags.Settings(parsed),
            },
            parsed.GetValue(json),
            cancellation));
        return command;
    }

    /// <summary><c>--branch</c> and <c>--k</c>.</summary>
    internal static (Option<string> Branch, Option<int> K) BranchFlags()
    {
        var branch = new Option<string>("--branch")
        {
            Description = "weights of the forest's experts in a branch",
            HelpName = "posterior|uniform|argmax|top_k",
            DefaultValueFactory = _ => "posterior"
        };
        branch.AcceptOnlyFromAmong("posterior", "uniform", "argmax", "top_k");
        return (branch, new Option<int>("--k") { Description = "of --branch top_k", HelpName = "K", DefaultValueFactory = _ => 2 });
    }

    internal static BranchRule Rule(string name) => name == "top_k" ? BranchRule.TopK : Enum.Parse<BranchRule>(name, ignoreCase: true);

    /// <summary>Runs the round; exit code 1 with the failed experts named, if any.</summary>
    internal static async Task<int> RunAsync(RoundRequest request, string? json, CancellationToken cancellation)
    {
        RoundResult result;
        using (var display = ProgressDisplay.Create())
        {
            result = await new RoundRunner(request, display).RunAsync(cancellation).ConfigureAwait(false);
        }

        if (json is not null) AtomicFile.WriteText(json, result.Json());
        if (result.Failures.Count > 0)
            throw new BtxException($"{result.Failures.Count} of {result.Plan.Experts.Count} experts failed: "
                + $"{string.Join("; ", result.Failures.Select(f => $"{f.Key} ({f.Value})"))}; the others are in "
                    + $"{request.Forest}, the same command tries again");
        var names = string.Join(", ", result.Plan.Experts.Select(e => e.Name));
        Console.WriteLine(result.AlreadyFinished
            ? $"round {result.Plan.Round} ({names}): finished earlier, nothing to do; name other --domains or --round "
                + $"{result.Plan.Round + 1} for the next round"
            : $"round {result.Plan.Round}: {names} are in {request.Forest}; loss curves in {result.Directory}");
        return 0;
    }
}
