using System.CommandLine;
using Btx.Trainer.Moe;

namespace Btx.Trainer.Verbs;

/// <summary><c>btx train average</c> and <c>btx train mix</c>: one model of a forest, as an average or as a BTX model.</summary>
internal static class TrainMixVerbs
{
    private const string AverageText =
        """
        Average the parameters of a forest's experts into one model: uniform, or weighted by a domain's cached prior (posterior),
        or the one expert with the largest prior (argmax). Needs no libtorch unless a prior has to be estimated.

        Examples:
          btx train average --forest forest --weights uniform --out average
          btx train average --forest forest --weights posterior --domain python --out python-average
          btx train average --forest forest --weights posterior --domain golang --corpus corpus --out golang-average
        """;

    private const string MixText =
        """
        Mix a forest into one token-routed model (Branch-Train-MiX): in every layer the feed-forwards of the experts become the experts
        of a BTX model, everything else is averaged uniformly. The result is a Mixtral directory with btx.json.
        ridge and centroid routers are fitted to hidden states of the domains' training text, without training, and usable at once;
        random ones are to be fine-tuned. --upcycle mixes copies of one model (sparse upcycling). Mixing without an expert is how it
        is removed: nothing of it enters the averages or the routers.

        Examples:
          btx train mix --forest forest --corpus corpus --out mix                                  ridge routers
          btx train mix --forest forest --router-init random --out mix                             needs no text
          btx train mix --forest forest --corpus corpus --without german --out mix-without-german
          btx train mix --forest forest --without german --statistics mix --out mix-without-german  the same without text
          btx train mix --forest forest --with-seed seed --router switch --out mix
          btx train mix --upcycle seed --copies 4 --out upcycled
        """;

    public static Command Average()
    {
        var forest = new Flag<string>("--forest DIR", "forest directory") { Required = true };
        var weights = new Choice("--weights", ["uniform", "argmax", "posterior"], "how the experts are weighted") { Required = true };
        var domain = new Flag<string?>("--domain NAME", "target domain of argmax and posterior");
        var corpus = new Flag<string?>("--corpus DIR", "estimate the prior of a domain that no expert has");
        var output = new Flag<string>("--out DIR", "model directory to make") { Required = true };
        var fresh = new Flag<bool>("--fresh", "replace an average made earlier");
        var command = new Command("average", AverageText) { forest, weights, domain, corpus, output, fresh };
        command.Validators.Add(result =>
        {
            if (result.GetResult(weights)?.Tokens is [{ Value: "argmax" or "posterior" }] && result.GetValue(domain) is null)
                result.AddError("--weights argmax and posterior need the target domain: --domain NAME.");
        });
        return command.Does((parsed, cancellation) => Console.WriteLine(ForestAverage.Write(
            parsed.GetValue(forest)!, Enum.Parse<AverageWeights>(parsed.GetValue(weights)!, ignoreCase: true), parsed.GetValue(domain),
            parsed.GetValue(corpus), parsed.GetValue(output)!, parsed.GetValue(fresh), cancellation)));
    }

    public static Command Mix()
    {
        var forest = new Flag<string?>("--forest DIR", "forest directory");
        var experts = Flags.Names("--experts A,B", "experts to mix, in the order of their indices (all that are ready)");
        var without = Flags.Names("--without A,B", "experts to leave out");
        var seed = new Flag<string?>("--with-seed DIR", "this model becomes one more expert, and counts in the average");
        var corpus = new Flag<string?>("--corpus DIR", "text of the experts' domains");
        var statistics = new Flag<string?>("--statistics DIR", "the domains' hidden states from this earlier BTX model, not from text");
        var upcycle = new Flag<string?>("--upcycle DIR", "mix copies of this model instead of a forest");
        var copies = new Flag<int?>("--copies N", "how many copies");
        var json = new JsonFlag();
        FlagSet<MixRequest> flags = new()
        {
            { forest, (r, v) => r with { Forest = v } },
            { new Flag<string>("--out DIR", "model directory to make") { Required = true }, (r, v) => r with { Output = v } },
            { experts, (r, v) => r with { Experts = v } },
            { without, (r, v) => r with { Without = v } },
            { seed, (r, v) => r with { Seed = v } },
            { new Flag<string?>("--router-init random|centroid|ridge|FILE",
                "where the router begins (ridge with --corpus or --statistics, else random)"), (r, v) => r with { RouterInit = v } },
            { corpus, (r, v) => r with { Corpus = v } },
            { new Flag<string?>("--shards DIR", "where token shards are kept (.shards in the corpus)"), (r, v) => r with { Shards = v } },
            { statistics, (r, v) => r with { Statistics = v } },
            { new Choice("--states", [HiddenStateForm.Mixed, HiddenStateForm.Own], "network that the hidden states are read in (mixed)"),
                (r, v) => r with { States = v } },
            { TrainFlags.Count("--tokens-per-domain", $"tokens of text to fit routers to ({MixRequest.DefaultTokensPerDomain})"),
                (r, v) => r with { TokensPerDomain = v } },
            { new Flag<double>("--ridge-lambda L", "regularisation of ridge, in mean eigenvalues of the states' second moments",
                RidgeRouter.DefaultLambda), (r, v) => r with { RidgeLambda = v } },
            { new Flag<int?>("--k K", "experts per token (2)"), (r, v) => r with { K = v } },
            { new Choice("--router", [.. RouterKind.Names], "how tokens are routed", RouterKind.TopK), (r, v) => r with { Router = v } },
            { upcycle, (r, v) => r with { Upcycle = v } },
            { copies, (r, v) => r with { Copies = v } },
            { new Flag<long>("--random-seed N", "of random routers", 1), (r, v) => r with { RandomSeed = v } },
            { Flags.Threads("CPU threads", 1), (r, v) => r with { Threads = v } },
            { Flags.Device("where hidden states are computed"), (r, v) => r with { Device = v } },
            { new Flag<bool>("--fresh", "replace a BTX model made earlier"), (r, v) => r with { Fresh = v } },
            json,
        };
        var command = new Command("mix", MixText);
        command.Add(flags);
        command.Validators.Add(result =>
        {
            if (result.GetValue(forest) is null == result.GetValue(upcycle) is null)
                result.AddError("Name what to mix: --forest DIR, or --upcycle DIR with --copies N.");
            else if (result.GetValue(upcycle) is null != result.GetValue(copies) is null)
                result.AddError("--upcycle DIR and --copies N belong together.");
            else if (result.GetValue(upcycle) is not null
                && (result.GetValue(experts)!.Length > 0 || result.GetValue(without)!.Length > 0 || result.GetValue(seed) is not null))
                result.AddError("--experts, --without and --with-seed choose from a forest; --upcycle has none.");
            else if (result.GetValue(corpus) is not null && result.GetValue(statistics) is not null)
                result.AddError("--corpus and --statistics are two sources of hidden states; name one.");
        });
        return command.Does((parsed, cancellation) =>
        {
            var request = flags.Apply(parsed, new() { Output = "" });
            using var display = new ProgressDisplay();
            var (report, made) = new MixRun(request, display).Execute(cancellation);
            foreach (var line in Lines(report, request.Output, made)) display.WriteLine(line);
            if (parsed.GetValue(json) is { } file) report.Save(file);
        });
    }

    private static IEnumerable<string> Lines(MixReport r, string output, bool made)
    {
        var fitted = r.RouterAccuracy is { } accuracy
            ? $"; routers find the domain of {string.Join(", ", accuracy.Select(a => $"{100 * a:F0}"))} % of tokens by layer" : "";
        yield return $"{output}: {string.Join(", ", r.Experts.Select((e, i) => $"{i} {e}"))}; "
            + $"{Quantity.WithUnit(r.Parameters, "parameters")}, {Quantity.WithUnit(r.ActiveParameters, "active")} "
            + $"with k = {r.ExpertsPerToken} of {r.Experts.Count}; router {r.Router}, init {r.RouterInit}{fitted}"
            + $"{(made ? "" : " (mixed earlier, nothing to do; --fresh mixes again)")}";
        foreach (var residual in r.Residuals)
            yield return $"note: {residual.Expert} was branched from {residual.Ancestor} and still carries it: "
                + $"{100 * residual.Share:F1} % of its ancestry";
    }
}
