using System.CommandLine;
using Btx.Model.Registry;

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

    public static Command Round() => Verb("round", RoundText, new()
    {
        { new Flag<string?>("--seed DIR", "model that the first round branches from"), (r, v) => r with { Seed = v } },
        { Flags.Names("--domains A,B", "one expert each (all with the role train)"), (r, v) => r with { Domains = v } },
        { new Flag<int?>("--round N", "train this round (the unfinished one, or the next)"), (r, v) => r with { Round = v } },
        { new Flag<int>("--parallel N", "experts trained at once", 1), (r, v) => r with { Parallel = v } },
        { new Flag<bool>("--random-split", "control: random parts of the text instead of domains"),
            (r, v) => r with { RandomSplit = v } },
        { new Flag<bool>("--random-init", "control: random weights instead of branches"), (r, v) => r with { RandomInit = v } },
    });

    public static Command Expert() => Verb("expert", ExpertText, new()
    {
        { new Flag<string?>("--from DIR", "model to start from, instead of the forest's experts"),
            (r, v) => r with { Seed = v, FromSeed = true } },
        { new Flag<string>("--domain NAME", "domain to train on") { Required = true }, (r, v) => r with { Domains = [v], Name = v } },
        { new Flag<string?>("--name NAME", "name of the expert (the domain's)"), (r, v) => r with { Name = v } },
    });

    private static Command Verb(string verb, string text, FlagSet<RoundRequest> more)
    {
        var (flags, json) = (new TrainFlags(), new JsonFlag());
        var freeze = new Flag<string?>("--freeze shared|nothing", "what does not learn: shared = all but the feed-forwards, so that mixing "
            + "averages nothing away (as in the round before, or nothing)");
        FlagSet<RoundRequest> common = new()
        {
            { new Flag<string>("--forest DIR", "forest directory; made if it is not there") { Required = true },
                (r, v) => r with { Forest = v } },
            { TrainFlags.Corpus(), (r, v) => r with { Corpus = v } },
            { new Choice("--branch", ["posterior", "uniform", "argmax", "top_k"], "weights of the forest's experts in a branch",
                "posterior"), (r, v) => r with { Branch = Enum.Parse<BranchRule>(v.Replace("_", ""), ignoreCase: true) } },
            { new Flag<int>("--k K", "of --branch top_k", 2), (r, v) => r with { K = v } },
            freeze,
            json,
        };
        var command = new Command(verb, text);
        command.Add([.. common, .. more, .. flags.All]);
        command.SetAction((parsed, cancellation) => RunAsync(more.Apply(parsed, common.Apply(parsed, new()
        {
            Forest = "",
            Corpus = "",
            Shards = flags.Shards(parsed),
            Configure = defaults => flags.Apply(parsed, Freeze(parsed.GetValue(freeze), defaults)),
            Settle = (options, tokens) => flags.Settle(parsed, options, tokens),
            Settings = flags.Settings(parsed),
        })), parsed.GetValue(json), cancellation));
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
        if (request.Name is { } name && !ForestManifestRules.IsName(name))
            throw new BtxException($"--name \"{name}\" is not 1-64 of a-z 0-9 . _ -");
        if (request is { Name: ForestState.Seed })
            throw new BtxException($"--name {ForestState.Seed}: lineages call the seed model so; choose another name");
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
