using System.CommandLine;
using Btx.Cli;
using Btx.Model;
using Btx.Trainer.Phases;

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
        var forest = new Flag<string>("--forest DIR", "forest directory; made if it is not there") { Required = true };
        var seed = new Flag<string?>("--seed DIR", "model that the first round branches from");
        var corpus = new Flag<string>("--corpus DIR", "corpus directory") { Required = true };
        var domains = Flags.Names("--domains A,B", "one expert each (all with the role train)");
        var (branch, k) = BranchFlags();
        var freeze = TrainFlags.Freeze();
        var round = new Flag<int?>("--round N", "train this round (the unfinished one, or the next)");
        var parallel = new Flag<int>("--parallel N", "experts trained at once", 1);
        var split = new Flag<bool>("--random-split", "control: random parts of the text instead of domains");
        var init = new Flag<bool>("--random-init", "control: random weights instead of branches");
        var json = new JsonFlag();
        var command = new Command("round", Text) { forest, seed, corpus, domains, branch, k, freeze, round, parallel, split, init, json };
        command.Add(flags.All);
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
        var branch = new Choice("--branch", ["posterior", "uniform", "argmax", "top_k"], "weights of the forest's experts in a branch", "posterior");
        return (branch, new Flag<int>("--k K", "of --branch top_k", 2));
    }

    internal static BranchRule Rule(string name) => name == "top_k" ? BranchRule.TopK : Enum.Parse<BranchRule>(name, ignoreCase: true);

    /// <summary>Runs the round; exit code 1 with the failed experts named, if any.</summary>
    internal static async Task<int> RunAsync(RoundRequest request, string? json, CancellationToken cancellation)
    {
        RoundResult result;
        using (var display = new ProgressDisplay())
        {
            result = await new RoundRunner(request, display).RunAsync(cancellation).ConfigureAwait(false);
        }

        if (json is not null) RoundReport.Write(json, result);
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
