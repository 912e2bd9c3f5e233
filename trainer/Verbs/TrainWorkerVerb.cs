using System.CommandLine;
using System.Text.Json;
using Btx.Cli;
using Btx.Model;
using Btx.Trainer.Phases;

namespace Btx.Trainer.Verbs;

/// <summary><c>btx train worker</c>, not shown in the help: trains one expert of a planned round; progress
/// goes to standard output as JSON lines.</summary>
internal static class TrainWorkerVerb
{
    public static Command Create()
    {
        var flags = new TrainFlags();
        var plan = new Option<string>("--plan") { Required = true, HelpName = "DIR" };
        var expert = new Option<string>("--expert") { Required = true, HelpName = "NAME" };
        var command = new Command("worker", "Train one expert of a planned round.") { plan, expert };
        command.Hidden = true;
        command.Add(flags.How);
        command.SetAction((parsed, cancellation) => Task.Run(
            () =>
            {
                var directory = parsed.GetValue(plan)!;
                var round = RoundPlan.Load(directory) ?? throw new BtxException($"{directory} has no {RoundPlan.FileName}");
                var name = parsed.GetValue(expert)!;
                var job = round.Experts.FirstOrDefault(e => e.Name == name)
                    ?? throw new BtxException($"{directory}: the round has no expert \"{name}\"");
                new TrainingRun(job, Path.Combine(directory, name), flags.Settings(parsed) with { Wait = true }, Report,
                    Console.Out.WriteLine).Execute(cancellation);
                return 0;
            },
            CancellationToken.None));
        return command;
    }

    private static void Report(TrainingProgress progress)
    {
        Console.Out.WriteLine(JsonSerializer.Serialize(progress, ExpertProcess.Json));
        Console.Out.Flush();
    }
}
