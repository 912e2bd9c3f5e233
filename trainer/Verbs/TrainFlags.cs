using System.CommandLine;
using System.CommandLine.Parsing;
using Btx.Trainer.Optimisation;

namespace Btx.Trainer.Verbs;

/// <summary>The flags that all training verbs share, and how they change the defaults of a phase.</summary>
internal sealed class TrainFlags
{
    private readonly Option<long?> tokens = Count("--tokens",
        "training tokens, such as 600000, 600k or 1.2M (what suits the network, at most 8 passes over the text)");
    private readonly Flag<int?> patience = new("--patience N",
        "where text comes twice: stop after so many validations, half a pass apart, without a new best; the best weights are kept (4)");
    private readonly Flag<bool> noEarlyStop = new("--no-early-stop", "train on exactly --tokens and keep the last weights");
    private readonly Flag<string?> shards = new("--shards DIR", "where token shards are kept (.shards in the corpus)");
    private readonly Flag<bool> fresh = new("--fresh", "start over instead of resuming");
    private readonly FlagSet<TrainingOptions> options;

    public TrainFlags() => options = new()
    {
        { tokens, (o, v) => o with { Tokens = v } },
        { new Flag<int?>("--batch N", "windows in a micro-batch"), (o, v) => o with { Batch = v } },
        { new Flag<int?>("--sequence N", "predicted tokens in a window; at most the model's context"), (o, v) => o with { Sequence = v } },
        { new Flag<int?>("--accumulate N", "micro-batches in a step"), (o, v) => o with { Accumulate = v } },
        { new Flag<double?>("--lr RATE", "largest learning rate"), (o, v) => o with { LearningRate = v } },
        { new Flag<double?>("--min-lr RATE", "learning rate at the end of a decaying schedule (0)"), (o, v) => o with { MinimumRate = v } },
        { new Choice("--schedule", ["constant", "cosine", "linear", "polynomial"], "after the warm-up"),
            (o, v) => o with { Schedule = Enum.Parse<ScheduleKind>(v, ignoreCase: true) } },
        { new Flag<double?>("--warmup 0..1", "share of the steps (0.04)"), (o, v) => o with { WarmUp = v } },
        { new Flag<double?>("--power P", "of the polynomial schedule (1)"), (o, v) => o with { Power = v } },
        { new Flag<double?>("--beta1 B", "AdamW (0.9)"), (o, v) => o with { Optimizer = o.Optimizer with { Beta1 = v } } },
        { new Flag<double?>("--beta2 B", "AdamW (0.98; 0.95 for small and base)"),
            (o, v) => o with { Optimizer = o.Optimizer with { Beta2 = v } } },
        { new Flag<double?>("--epsilon E", "AdamW (1e-8)"), (o, v) => o with { Optimizer = o.Optimizer with { Epsilon = v } } },
        { new Flag<double?>("--weight-decay W", "AdamW, matrices only (0.05; 0.1 for small and base)"),
            (o, v) => o with { Optimizer = o.Optimizer with { WeightDecay = v } } },
        { new Flag<double?>("--clip NORM", "largest norm of the gradient; 0: none (1)"),
            (o, v) => o with { Optimizer = o.Optimizer with { ClipNorm = v } } },
        patience,
        noEarlyStop,
        { new Flag<long?>("--random-seed N", "equal seeds give equal weights on one machine (1)"), (o, v) => o with { RandomSeed = v } },
        { new Flag<int?>("--threads N", "CPU threads of one process (1)"), (o, v) => o with { Threads = v } },
        { new Flag<string?>("--device cpu|cuda[:n]", "where to compute (cpu)"), (o, v) => o with { Device = v! } },
        shards,
        fresh,
    };

    /// <summary>All flags.</summary>
    public IEnumerable<Option> All => [.. options, .. How];

    /// <summary>Those that do not change the weights.</summary>
    public FlagSet<RunSettings> How { get; } = new()
    {
        { new Flag<long>("--checkpoint-steps N", "steps between resume points; 0: by time"), (s, v) => s with { CheckpointSteps = v } },
        { new Flag<double>("--checkpoint-seconds S", "seconds between resume points", new RunSettings().CheckpointSeconds),
            (s, v) => s with { CheckpointSeconds = v } },
        { new Flag<long>("--validate-steps N", "steps between validations that only inform; 0: at each quarter"),
            (s, v) => s with { ValidateSteps = v } },
        { new Flag<int>("--validation-windows N", "validation windows per domain at the end; 0: no validation",
            new RunSettings().ValidationWindows), (s, v) => s with { ValidationWindows = v } },
    };

    public TrainingOptions Apply(ParseResult parsed, TrainingOptions defaults) => options.Apply(parsed, defaults) with
    {
        Patience = parsed.GetValue(noEarlyStop) || Settings(parsed).ValidationWindows == 0 ? 0 : parsed.GetValue(patience),
    };

    /// <summary>What the text decides where the user does not: the budget, and whether validation may end the run.</summary>
    public TrainingOptions Settle(ParseResult parsed, TrainingOptions options, long textTokens)
    {
        if (parsed.GetValue(tokens) is null) options = options with { Tokens = TextPasses.Budget(options.Tokens, textTokens) };
        return options.Patience is null && options.Tokens > textTokens ? options with { Patience = ValidationWatch.DefaultPatience }
            : options;
    }

    public RunSettings Settings(ParseResult parsed) => How.Apply(parsed, new() { Fresh = parsed.GetValue(fresh) });

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
