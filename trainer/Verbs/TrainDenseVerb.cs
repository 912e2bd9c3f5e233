using System.CommandLine;
using Btx.Cli;
using Btx.Model.Configuration;
using Btx.Model.Tensors;
using Btx.Model.Tokens;
using Btx.Trainer.Phases;

namespace Btx.Trainer.Verbs;

/// <summary><c>btx train dense</c>: the baseline that a forest is measured against.</summary>
internal static class TrainDenseVerb
{
    private const string Text =
        """
        Train the dense baseline: one model on all domains with as many tokens as a seed and its experts together, its learning
        rate falling to 0. --lr-sweep tries several rates on a small budget and takes the best; lr_sweep.json records them.

        Examples:
          btx train dense --corpus corpus --tokenizer tokenizer --out dense                       up to 1.2 M tokens, at most 8 passes
          btx train dense --corpus corpus --tokenizer tokenizer --out dense --lr-sweep 2e-3,4e-3,8e-3,16e-3
          btx train dense --corpus corpus --from seed --out continued --tokens 600k               go on from a seed
        """;

    public static Command Create()
    {
        var (model, flags) = (new TrainModelFlags(), new TrainFlags());
        var corpus = new Flag<string>("--corpus DIR", "corpus directory") { Required = true };
        var tokenizer = new Flag<string?>("--tokenizer DIR", "directory with tokenizer.json (that of --from)");
        var from = new Flag<string?>("--from DIR", "start from this model instead of random weights");
        var domains = Flags.Names("--domains A,B", "domains to train on (all with the role train)");
        var sweep = Flags.Names("--lr-sweep RATE,RATE", "learning rates to try first; the best is used");
        var sweepTokens = TrainFlags.Count("--sweep-tokens", "training tokens of each try (an eighth of --tokens)", "N");
        var output = new Flag<string>("--out DIR", "run and model directory") { Required = true };
        var command = new Command("dense", Text) { corpus, tokenizer, from, domains, sweep, sweepTokens, output };
        command.Add(model.All.Concat(flags.All));
        command.Validators.Add(result =>
        {
            if (result.GetValue(tokenizer) is null && result.GetValue(from) is null)
                result.AddError("Name the tokenizer: --tokenizer DIR, or --from DIR with a model.");
        });
        command.SetAction((parsed, cancellation) => Task.Run(
            () =>
            {
                var (start, directory, settings) = (parsed.GetValue(from), parsed.GetValue(output)!, flags.Settings(parsed));
                var tokens = parsed.GetValue(tokenizer) ?? start!;
                var config = start is null ? model.Config(parsed, TextTokenizer.Load(tokens))
                    : LlamaConfig.Load(start).RequireDense(start) with { TorchDtype = "float32" };
                var options = flags.Apply(parsed,
                    PhaseDefaults.Dense(PhaseDefaults.Seed(model.Preset(parsed), config.MaxPositionEmbeddings)));
                var job = SingleRun.Job("dense", parsed.GetValue(corpus)!, flags.Shards(parsed), tokens, parsed.GetValue(domains)!, config,
                    text => flags.Settle(parsed, options, text), cancellation);
                if (start is not null)
                    job = job with { Parents = [new BranchParent("seed", 1, Path.GetFullPath(start), CheckpointFiles.Hash(start))] };
                SingleRun.Execute(LearningRateSweep.Choose(job, directory, parsed.GetValue(sweep)!, parsed.GetValue(sweepTokens), settings,
                    cancellation), directory, settings, cancellation);
                return 0;
            },
            CancellationToken.None));
        return command;
    }
}
