using System.CommandLine;
using Btx.Cli;
using Btx.Model.Forests;
using Btx.Model.Registry;
using Btx.Trainer.Phases;

namespace Btx.Trainer.Verbs;

/// <summary><c>btx train round</c> and <c>btx train expert</c>: branch, train and merge several experts, or one.</summary>
internal static class TrainRoundVerbs
{
    private const string RoundText =
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

    private const string ExpertText =
        """
        Branch one expert, train it on one domain alone, merge it into the forest. It starts from the model named by --from, or
        from the forest's experts by --branch. The same command resumes.

        Examples:
          btx train expert --forest forest --from seed --corpus corpus --domain python
          btx train expert --forest forest --corpus corpus --domain golang --branch posterior --tokens 300k
          btx train expert --forest forest --corpus corpus --domain python --name python-long --branch argmax --tokens 1M
          btx train expert --forest forest --from seed --corpus corpus --domain python --freeze shared
        """;

    public static Command Round()
    {
        var seed = new Flag<string?>("--seed DIR", "model that the first round branches from");
        var domains = Flags.Names("--domains A,B", "one expert each (all with the role train)");
        var round = new Flag<int?>("--round N", "train this round (the unfinished one, or the next)");
        var parallel = new Flag<int>("--parallel N", "experts trained at once", 1);
        var split = new Flag<bool>("--random-split", "control: random parts of the text instead of domains");
        var init = new Flag<bool>("--random-init", "control: random weights instead of branches");
        return Verb("round", RoundText, [seed, domains, round, parallel, split, init], (parsed, request) => request with
        {
            Seed = parsed.GetValue(seed),
            Domains = parsed.GetValue(domains)!,
            Round = parsed.GetValue(round),
            Parallel = parsed.GetValue(parallel),
            RandomSplit = parsed.GetValue(split),
            RandomInit = parsed.GetValue(init),
        });
    }

    public static Command Expert()
    {
        var from = new Flag<string?>("--from DIR", "model to start from, instead of the forest's experts");
        var domain = new Flag<string>("--domain NAME", "domain to train on") { Required = true };
        var name = new Flag<string?>("--name NAME", "name of the expert (the domain's)");
        return Verb("expert", ExpertText, [from, domain, name], (parsed, request) =>
        {
            var (start, text, given) = (parsed.GetValue(from), parsed.GetValue(domain)!, parsed.GetValue(name));
            if (!ForestManifestRules.IsName(given ?? text))
                throw new BtxException($"--name \"{given ?? text}\" is not 1-64 of a-z 0-9 . _ -");
            if (given == ForestState.Seed) throw new BtxException($"--name {given}: lineages call the seed model so; choose another name");
            return request with { Seed = start, FromSeed = start is not null, Domains = [text], Name = given ?? text };
        });
    }

    private static Command Verb(string verb, string text, Option[] more, Func<ParseResult, RoundRequest, RoundRequest> complete)
    {
        var (flags, corpus, json) = (new TrainFlags(), TrainFlags.Corpus(), new JsonFlag());
        var forest = new Flag<string>("--forest DIR", "forest directory; made if it is not there") { Required = true };
        var branch = new Choice("--branch", ["posterior", "uniform", "argmax", "top_k"],
            "weights of the forest's experts in a branch", "posterior");
        var k = new Flag<int>("--k K", "of --branch top_k", 2);
        var freeze = new Flag<string?>("--freeze shared|nothing", "what does not learn: shared = all but the feed-forwards, so that mixing "
            + "averages nothing away (as in the round before, or nothing)");
        var command = new Command(verb, text) { forest, corpus, branch, k, freeze, json };
        command.Add([.. more, .. flags.All]);
        command.SetAction((parsed, cancellation) => RunAsync(complete(parsed, new()
        {
            Forest = parsed.GetValue(forest)!,
            Corpus = parsed.GetValue(corpus)!,
            Shards = flags.Shards(parsed),
            Branch = Enum.Parse<BranchRule>(parsed.GetValue(branch)!.Replace("_", ""), ignoreCase: true),
            K = parsed.GetValue(k),
            Configure = defaults => flags.Apply(parsed, Freeze(parsed.GetValue(freeze), defaults)),
            Settle = (options, tokens) => flags.Settle(parsed, options, tokens),
            Settings = flags.Settings(parsed),
        }), parsed.GetValue(json), cancellation));
        return command;
    }

    private static TrainingOptions Freeze(string? what, TrainingOptions options) => what switch
    {
        null => options,
        "shared" or "nothing" => options with { FreezeShared = what == "shared" },
        _ => throw new BtxException($"--freeze {BtxException.OneLine(what)}: unknown; choose shared or nothing"),
    };

    private static async Task<int> RunAsync(RoundRequest request, string? json, CancellationToken cancellation)
    {
        RoundResult result;
        using (var display = new ProgressDisplay())
            result = await new RoundRunner(request, display).RunAsync(cancellation).ConfigureAwait(false);
        if (json is not null) AtomicFile.WriteText(json, result.Json());
        if (result.Failures.Count > 0)
            throw new BtxException($"{result.Failures.Count} of {result.Plan.Experts.Count} experts failed: "
                + $"{string.Join("; ", result.Failures.Select(f => $"{f.Key} ({f.Value})"))}; the others are in {request.Forest}, "
                + "the same command tries again");
        var names = string.Join(", ", result.Plan.Experts.Select(e => e.Name));
        Console.WriteLine(result.AlreadyFinished
            ? $"round {result.Plan.Round} ({names}): finished earlier, nothing to do; name other --domains or "
                + $"--round {result.Plan.Round + 1} for the next round"
            : $"round {result.Plan.Round}: {names} are in {request.Forest}; loss curves in {result.Directory}");
        return 0;
    }
}
