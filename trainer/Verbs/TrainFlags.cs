using System.CommandLine;
using System.CommandLine.Parsing;
using Btx.Cli;
using Btx.Trainer.Optimisation;
using Btx.Trainer.Phases;

namespace Btx.Trainer.Verbs;

/// <summary>The flags that all training verbs share, and how they change the defaults of a phase.</summary>
internal sealed class TrainFlags
{
    private readonly Option<long?> tokens = Count("--tokens",
        "training tokens, such as 600000, 600k or 1.2M (what suits the network, at most 8 passes over the text)");
    private readonly Flag<int?> batch = new("--batch N", "windows in a micro-batch");
    private readonly Flag<int?> sequence = new("--sequence N", "predicted tokens in a window; at most the model's context");
    private readonly Flag<int?> accumulate = new("--accumulate N", "micro-batches in a step");
    private readonly Flag<double?> rate = new("--lr RATE", "largest learning rate");
    private readonly Flag<double?> minimum = new("--min-lr RATE", "learning rate at the end of a decaying schedule (0)");
    private readonly Choice schedule = new("--schedule", ["constant", "cosine", "linear", "polynomial"], "after the warm-up");
    private readonly Flag<double?> warmUp = new("--warmup 0..1", "share of the steps (0.04)");
    private readonly Flag<double?> power = new("--power P", "of the polynomial schedule (1)");
    private readonly Flag<double?> beta1 = new("--beta1 B", "AdamW (0.9)");
    private readonly Flag<double?> beta2 = new("--beta2 B", "AdamW (0.98; 0.95 for small and base)");
    private readonly Flag<double?> epsilon = new("--epsilon E", "AdamW (1e-8)");
    private readonly Flag<double?> decay = new("--weight-decay W", "AdamW, matrices only (0.05; 0.1 for small and base)");
    private readonly Flag<double?> clip = new("--clip NORM", "largest norm of the gradient; 0: none (1)");
    private readonly Flag<long?> randomSeed = new("--random-seed N", "equal seeds give equal weights on one machine (1)");
    private readonly Flag<int?> patience = new("--patience N",
        "where text comes twice: stop after so many validations, half a pass apart, without a new best; the best weights are kept (4)");
    private readonly Flag<bool> noEarlyStop = new("--no-early-stop", "train on exactly --tokens and keep the last weights");
    private readonly Flag<int?> threads = new("--threads N", "CPU threads of one process (1)");
    private readonly Flag<string?> device = new("--device cpu|cuda[:n]", "where to compute (cpu)");
    private readonly Flag<string?> shards = new("--shards DIR", "where token shards are kept (.shards in the corpus)");
    private readonly Flag<bool> fresh = new("--fresh", "start over instead of resuming");
    private readonly Flag<long> checkpointSteps = new("--checkpoint-steps N", "steps between resume points; 0: by time");
    private readonly Flag<double> checkpointSeconds = new("--checkpoint-seconds S",
        "seconds between resume points", new RunSettings().CheckpointSeconds);
    private readonly Flag<long> validateSteps = new("--validate-steps N", "steps between validations that only inform; 0: at each quarter");
    private readonly Flag<int> validationWindows = new("--validation-windows N",
        "validation windows per domain at the end; 0: no validation", new RunSettings().ValidationWindows);

    /// <summary>All flags.</summary>
    public IReadOnlyList<Option> All =>
        [tokens, batch, sequence, accumulate, rate, minimum, schedule, warmUp, power, beta1, beta2, epsilon, decay, clip, patience,
            noEarlyStop, randomSeed, threads, device, shards, fresh, .. How];

    /// <summary>Those that do not change the weights.</summary>
    public IReadOnlyList<Option> How => [checkpointSteps, checkpointSeconds, validateSteps, validationWindows];

    public TrainingOptions Apply(ParseResult parsed, TrainingOptions defaults) => defaults with
    {
        Tokens = parsed.GetValue(tokens) ?? defaults.Tokens,
        Batch = parsed.GetValue(batch) ?? defaults.Batch,
        Sequence = parsed.GetValue(sequence) ?? defaults.Sequence,
        Accumulate = parsed.GetValue(accumulate) ?? defaults.Accumulate,
        LearningRate = parsed.GetValue(rate) ?? defaults.LearningRate,
        MinimumRate = parsed.GetValue(minimum) ?? defaults.MinimumRate,
        Schedule = parsed.GetValue(schedule) is { } s ? Enum.Parse<ScheduleKind>(s, ignoreCase: true) : defaults.Schedule,
        WarmUp = parsed.GetValue(warmUp) ?? defaults.WarmUp,
        Power = parsed.GetValue(power) ?? defaults.Power,
        Optimizer = new AdamWSettings
        {
            Beta1 = parsed.GetValue(beta1) ?? defaults.Optimizer.Beta1,
            Beta2 = parsed.GetValue(beta2) ?? defaults.Optimizer.Beta2,
            Epsilon = parsed.GetValue(epsilon) ?? defaults.Optimizer.Epsilon,
            WeightDecay = parsed.GetValue(decay) ?? defaults.Optimizer.WeightDecay,
            ClipNorm = parsed.GetValue(clip) ?? defaults.Optimizer.ClipNorm,
        },
        Patience = parsed.GetValue(noEarlyStop) || parsed.GetValue(validationWindows) == 0 ? 0 : parsed.GetValue(patience),
        RandomSeed = parsed.GetValue(randomSeed) ?? defaults.RandomSeed,
        Threads = parsed.GetValue(threads) ?? defaults.Threads,
        Device = parsed.GetValue(device) ?? defaults.Device,
    };

    /// <summary>What the text decides where the user does not: the budget, and whether validation may end the run.</summary>
    public TrainingOptions Settle(ParseResult parsed, TrainingOptions options, long textTokens)
    {
        if (parsed.GetValue(tokens) is null) options = options with { Tokens = TextPasses.Budget(options.Tokens, textTokens) };
        return options.Patience is null && options.Tokens > textTokens ? options with { Patience = ValidationWatch.DefaultPatience }
            : options;
    }

    public RunSettings Settings(ParseResult parsed) => new()
    {
        Fresh = parsed.GetValue(fresh),
        CheckpointSteps = parsed.GetValue(checkpointSteps),
        CheckpointSeconds = parsed.GetValue(checkpointSeconds),
        ValidateSteps = parsed.GetValue(validateSteps),
        ValidationWindows = parsed.GetValue(validationWindows),
    };

    public string? Shards(ParseResult parsed) => parsed.GetValue(shards);

    public static Flag<string> Corpus() => new("--corpus DIR", "corpus directory") { Required = true };

    public static Flag<string[]> Domains() => Flags.Names("--domains A,B", "domains to train on (all with the role train)");

    public static Flag<string> Output() => new("--out DIR", "run and model directory") { Required = true };

    public static (Flag<string[]> Rates, Option<long?> Tokens) Sweep() =>
        (Flags.Names("--lr-sweep RATE,RATE", "learning rates to try first; the best is used"),
            Count("--sweep-tokens", "training tokens of each try (an eighth of --tokens)"));

    /// <summary>A count that may end in k, M or G.</summary>
    public static Option<long?> Count(string name, string description) =>
        new Flag<long?>($"{name} N", description) { CustomParser = ParseCount };

    private static long? ParseCount(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        var scale = text[^1] switch { 'k' => 1e3, 'M' => 1e6, 'G' => 1e9, _ => 1 };
        if (double.TryParse(scale == 1 ? text : text[..^1], out var value) && Math.Abs(value * scale) < 1e15)
            return (long)Math.Round(value * scale);
        result.AddError($"{result.Argument.Name} \"{text}\": expected a number such as 600000, 600k or 1.2M");
        return null;
    }
}
