using System.CommandLine;
using System.Text.Json;

namespace Btx.Trainer.Verbs;

/// <summary><c>btx train</c>: seed, expert, round, dense, average, mix, finetune.</summary>
internal static class TrainVerb
{
    private const string Text =
        """
        Train models: a seed, a forest of experts branched from it, a dense baseline, parameter averages, BTX models.
        Stopped or killed at any moment, the same command resumes and ends with the same weights.

        Examples:
          btx train seed --corpus corpus --tokenizer tokenizer --out seed
          btx train round --forest forest --seed seed --corpus corpus --parallel 2
          btx train dense --corpus corpus --tokenizer tokenizer --out dense --lr-sweep 2e-3,4e-3,8e-3
          btx train average --forest forest --weights uniform --out average
          btx train mix --forest forest --corpus corpus --out mix
          btx train finetune --model mix --corpus corpus --tokens 250k --out tuned
        """;

    public static Command Create() => new("train", Text)
    {
        TrainModelVerbs.Seed(),
        TrainRoundVerbs.Expert(),
        TrainRoundVerbs.Round(),
        TrainModelVerbs.Dense(),
        TrainMixVerbs.Average(),
        TrainMixVerbs.Mix(),
        TrainFinetuneVerb.Create(),
        Worker(),
    };

    /// <summary>What a verb does, on a thread of its own: the program goes on listening for Ctrl-C.</summary>
    internal static Command Does(this Command command, Action<ParseResult, CancellationToken> work)
    {
        command.SetAction((parsed, cancellation) => Task.Run(
            () =>
            {
                work(parsed, cancellation);
                return 0;
            },
            CancellationToken.None));
        return command;
    }

    // Trains one expert of a planned round; progress goes to standard output as JSON lines.
    private static Command Worker()
    {
        var flags = new TrainFlags();
        var plan = new Flag<string>("--plan DIR", "of the round") { Required = true };
        var expert = new Flag<string>("--expert NAME", "of the round") { Required = true };
        var command = new Command("worker", "Train one expert of a planned round.") { plan, expert };
        command.Hidden = true;
        command.Add(flags.How);
        return command.Does((parsed, cancellation) =>
        {
            var (directory, name) = (parsed.GetValue(plan)!, parsed.GetValue(expert)!);
            var round = RoundPlan.Load(directory) ?? throw new BtxException($"{directory} has no {RoundPlan.FileName}");
            var job = round.Experts.FirstOrDefault(e => e.Name == name)
                ?? throw new BtxException($"{directory}: the round has no expert \"{name}\"");
            new TrainingRun(job, Path.Combine(directory, name), flags.Settings(parsed) with { Wait = true }, progress =>
            {
                Console.Out.WriteLine(JsonSerializer.Serialize(progress, RoundRunner.ProgressJson));
                Console.Out.Flush();
            }, Console.Out.WriteLine).Execute(cancellation);
        });
    }
}
