using System.CommandLine;
using Btx.Cli;
using Btx.Model;
using Btx.Model.Mixing;
using Btx.Trainer.Phases;

namespace Btx.Trainer.Verbs;

/// <summary><c>btx train average</c>: one model with the weighted average of a forest's parameters.</summary>
internal static class TrainAverageVerb
{
    private const string Text =
        """
        Average the parameters of a forest's experts into one model: uniform, or weighted by a domain's cached prior (posterior),
        or the one expert with the largest prior (argmax). Needs no libtorch unless a prior has to be estimated.

        Examples:
          btx train average --forest forest --weights uniform --out average
          btx train average --forest forest --weights posterior --domain python --out python-average
          btx train average --forest forest --weights posterior --domain golang --corpus corpus --out golang-average
        """;

    public static Command Create()
    {
        var forest = new Flag<string>("--forest DIR", "forest directory") { Required = true };
        var weights = new Choice("--weights", ["uniform", "argmax", "posterior"], "how the experts are weighted") { Required = true };
        var domain = new Flag<string?>("--domain NAME", "target domain of argmax and posterior");
        var corpus = new Flag<string?>("--corpus DIR", "estimate the prior of a domain that no expert has");
        var output = new Flag<string>("--out DIR", "model directory to make") { Required = true };
        var fresh = new Flag<bool>("--fresh", "replace an average made earlier");
        var command = new Command("average", Text) { forest, weights, domain, corpus, output, fresh };
        command.Validators.Add(result =>
        {
            if (result.GetResult(weights)?.Tokens is [{ Value: "argmax" or "posterior" }] && result.GetValue(domain) is null)
                result.AddError("--weights argmax and posterior need the target domain: --domain NAME.");
        });
        command.SetAction((parsed, cancellation) => Task.Run(
            () =>
            {
                var line = ForestAverage.Write(
                    parsed.GetValue(forest)!, Enum.Parse<AverageWeights>(parsed.GetValue(weights)!, ignoreCase: true),
                        parsed.GetValue(domain), parsed.GetValue(corpus),
                    parsed.GetValue(output)!, parsed.GetValue(fresh), cancellation);
                Console.WriteLine(line);
                return 0;
            },
            CancellationToken.None));
        return command;
    }
}
