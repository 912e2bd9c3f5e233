using System.CommandLine;
using Btx.Cli;
using Btx.Model;
using Btx.Model.Forests;
using Btx.Model.Registry;
using Btx.Trainer.Phases;

namespace Btx.Trainer.Verbs;

/// <summary><c>btx train expert</c>: branch, train and merge one expert.</summary>
internal static class TrainExpertVerb
{
    private const string Text =
        """
        Branch one expert, train it on one domain alone, merge it into the forest. It starts from the model named by --from, or
        from the forest's experts by --branch. The same command resumes.

        Examples:
          btx train expert --forest forest --from seed --corpus corpus --domain python
          btx train expert --forest forest --corpus corpus --domain golang --branch posterior --tokens 300k
          btx train expert --forest forest --corpus corpus --domain python --name python-long --branch argmax --tokens 1M
          btx train expert --forest forest --from seed --corpus corpus --domain python --freeze shared
        """;

    public static Command Create()
    {
        var flags = new TrainFlags();
        var forest = new Flag<string>("--forest DIR", "forest directory; made if it is not there") { Required = true };
        var from = new Flag<string?>("--from DIR", "model to start from, instead of the forest's experts");
        var corpus = new Flag<string>("--corpus DIR", "corpus directory") { Required = true };
        var domain = new Flag<string>("--domain NAME", "domain to train on") { Required = true };
        var name = new Flag<string?>("--name NAME", "name of the expert (the domain's)");
        var (branch, k) = TrainRoundVerb.BranchFlags();
        var freeze = TrainFlags.Freeze();
        var json = new JsonFlag();
        var command = new Command("expert", Text) { forest, from, corpus, domain, name, branch, k, freeze, json };
        command.Add(flags.All);
        command.SetAction((parsed, cancellation) =>
        {
            var expert = parsed.GetValue(name) ?? parsed.GetValue(domain)!;
            if (!ForestManifestRules.IsName(expert)) throw new BtxException($"--name \"{expert}\" is not 1-64 of a-z 0-9 . _ -");
            if (parsed.GetValue(name) == ForestState.Seed)
                throw new BtxException($"--name {expert}: lineages call the seed model so; choose another name");
            return TrainRoundVerb.RunAsync(
                new RoundRequest
                {
                    Forest = parsed.GetValue(forest)!,
                    Seed = parsed.GetValue(from),
                    FromSeed = parsed.GetValue(from) is not null,
                    Corpus = parsed.GetValue(corpus)!,
                    Shards = flags.Shards(parsed),
                    Domains = [parsed.GetValue(domain)!],
                    Name = expert,
                    Branch = TrainRoundVerb.Rule(parsed.GetValue(branch)!),
                    K = parsed.GetValue(k),
                    Configure = defaults => TrainFlags.Freeze(parsed.GetValue(freeze), flags.Apply(parsed, defaults)),
                    Settle = (options, tokens) => flags.Settle(parsed, options, tokens),
                    Settings = flags.Settings(parsed),
                },
                parsed.GetValue(json),
                cancellation);
        });
        return command;
    }
}
