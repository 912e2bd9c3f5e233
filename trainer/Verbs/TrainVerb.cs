using System.CommandLine;

namespace Btx.Trainer.Verbs;

/// <summary><c>btx train</c>: seed, expert, round, dense, average, mix, finetune.</summary>
internal static class TrainVerb
{
    private const string Text =
        """
        Train models: a seed, a forest of experts branched from it, a dense baseline, parameter averages, mixtures of experts.
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
        TrainSeedVerb.Create(),
        TrainExpertVerb.Create(),
        TrainRoundVerb.Create(),
        TrainDenseVerb.Create(),
        TrainAverageVerb.Create(),
        TrainMixVerb.Create(),
        TrainFinetuneVerb.Create(),
        TrainWorkerVerb.Create(),
    };
}
