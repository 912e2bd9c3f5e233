using System.CommandLine;
using Btx.Cli;
using Btx.Model.Tokens;
using Btx.Trainer.Phases;

namespace Btx.Trainer.Verbs;

/// <summary><c>btx train seed</c>: one model on heterogeneous text, from random weights.</summary>
internal static class TrainSeedVerb
{
    private const string Text =
        """
        Train the seed: one model on all domains, each with the same share. DIR becomes a Hugging Face Llama directory;
        run.json, loss.csv and loss.svg lie beside the model. The same command resumes; done, it says so.

        Examples:
          btx train seed --corpus corpus --tokenizer tokenizer --out seed                 up to 600 k tokens, at most 8 passes over the text
          btx train seed --corpus corpus --tokenizer tokenizer --out seed --preset tiny --tokens 20M --threads 2
          btx train seed --corpus corpus --tokenizer tokenizer --out seed --hidden 256 --layers 4 --context 256 --schedule cosine
        """;

    public static Command Create()
    {
        var (model, flags) = (new TrainModelFlags(), new TrainFlags());
        var corpus = new Flag<string>("--corpus DIR", "corpus directory") { Required = true };
        var tokenizer = new Flag<string>("--tokenizer DIR", "directory with tokenizer.json") { Required = true };
        var domains = Flags.Names("--domains A,B", "domains to train on (all with the role train)");
        var output = new Flag<string>("--out DIR", "run and model directory") { Required = true };
        var command = new Command("seed", Text) { corpus, tokenizer, domains, output };
        command.Add(model.All.Concat(flags.All));
        command.SetAction((parsed, cancellation) => Task.Run(
            () =>
            {
                var config = model.Config(parsed, TextTokenizer.Load(parsed.GetValue(tokenizer)!));
                var job = SingleRun.Job(
                    "seed", parsed.GetValue(corpus)!, flags.Shards(parsed), parsed.GetValue(tokenizer)!, parsed.GetValue(domains)!, config,
                    tokens => flags.Settle(parsed,
                        flags.Apply(parsed, PhaseDefaults.Seed(model.Preset(parsed), config.MaxPositionEmbeddings)), tokens), cancellation);
                SingleRun.Execute(job, parsed.GetValue(output)!, flags.Settings(parsed), cancellation);
                return 0;
            },
            CancellationToken.None));
        return command;
    }
}
