using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Btx.Model;
using Btx.Trainer.Optimisation;
using Btx.Trainer.Phases;

namespace Btx.Trainer.Verbs;

/// <summary>The flags that all training verbs share, and how they change the defaults of a phase.</summary>
internal sealed class TrainFlags
{
    private readonly Option<long?> tokens = Count("--tokens",
        "training tokens, such as 600000, 600k or 1.2M (what suits the network, at most 8 passes over the text)", "N");
    private readonly Option<int?> batch = new("--batch") { Description = "windows in a micro-batch", HelpName = "N" };
    private readonly Option<int?> sequence = new("--sequence")
    {
        Description = "predicted tokens in a window; at most the model's context",
        HelpName = "N"
    };
    private readonly Option<int?> accumulate = new("--accumulate") { Description = "micro-batches in a step", HelpName = "N" };
    private readonly Option<double?> rate = new("--lr") { Description = "largest learning rate", HelpName = "RATE" };
    private readonly Option<double?> minimum = new("--min-lr")
    {
        Description = "learning rate at the end of a decaying schedule (0)",
        HelpName = "RATE"
    };
    private readonly Option<string?> schedule = new("--schedule")
    {
        Description = "after the warm-up",
        HelpName = "constant|cosine|linear|polynomial"
    };
    private readonly Option<double?> warmUp = new("--warmup") { Description = "share of the steps (0.04)", HelpName = "0..1" };
    private readonly Option<double?> power = new("--power") { Description = "of the polynomial schedule (1)", HelpName = "P" };
    private readonly Option<double?> beta1 = new("--beta1") { Description = "AdamW (0.9)", HelpName = "B" };
    private readonly Option<double?> beta2 = new("--beta2") { Description = "AdamW (0.98; 0.95 for small and base)", HelpName = "B" };
    private readonly Option<double?> epsilon = new("--epsilon") { Description = "AdamW (1e-8)", HelpName = "E" };
    private readonly Option<double?> decay = new("--weight-decay")
    {
        Description = "AdamW, matrices only (0.05; 0.1 for small and base)",
        HelpName = "W"
    };
    private readonly Option<double?> clip = new("--clip") { Description = "largest norm of the gradient; 0: none (1)", HelpName = "NORM" };
    private readonly Option<long?> randomSeed = new("--random-seed")
    {
        Description = "equal seeds give equal weights on one machine (1)",
        HelpName = "N"
    };
    private readonly Option<int?> patience = new("--patience")
    {
        Description = "where text comes twice: stop after so many "
        + "validations, half a pass apart, without a new best; the best weights are kept (4)",
        HelpName = "N"
    };
    private readonly Option<bool> noEarlyStop = new("--no-early-stop")
    {
        Description = "train on exactly --tokens and keep the last "
        + "weights"
    };
    private readonly Option<int?> threads = new("--threads") { Description = "CPU threads of one process (1)", HelpName = "N" };
    private readonly Option<string?> device = new("--device") { Description = "where to compute (cpu)", HelpName = "cpu|cuda[:n]" };
    private readonly Option<string?> shards = new("--shards")
    {
        Description = "where token shards are kept (.shards in the corpus)",
        HelpName = "DIR"
    };
    private readonly Option<bool> fresh = new("--fresh") { Description = "start over instead of resuming" };
    private readonly Option<long> checkpointSteps = new("--checkpoint-steps")
    {
        Description = "steps between resume points; 0: by time",
        HelpName = "N"
    };
    private readonly Option<double> checkpointSeconds = new("--checkpoint-seconds")
    {
        Description = "seconds between resume points",
        HelpName = "S",
        DefaultValueFactory = _ => new RunSettings().CheckpointSeconds
    };
    private readonly Option<long> validateSteps = new("--validate-steps")
    {
        Description = "steps between validations that only "
        + "inform; 0: at each quarter",
        HelpName = "N"
    };
    private readonly Option<int> validationWindows =
        new("--validation-windows")
        {
            Description = "validation windows per domain at the end; 0: no validation",
            HelpName = "N",
            DefaultValueFactory = _ => new RunSettings().ValidationWindows
        };

    public TrainFlags() => schedule.AcceptOnlyFromAmong("constant", "cosine", "linear", "polynomial");

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
    /// <param name="textTokens">Of the text to train on.</param>
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

    /// <summary><c>--freeze</c> of an expert.</summary>
    public static Option<string?> Freeze() => new("--freeze")
    {
        Description =
            "what does not learn: shared = all but the feed-forwards, so that mixing averages "
            + "nothing away (as in the round before, or nothing)",
        HelpName = "shared|nothing",
    };

    /// <exception cref="BtxException">An unknown value.</exception>
    public static TrainingOptions Freeze(string? value, TrainingOptions options) => value switch
    {
        null => options,
        "shared" or "nothing" => options with { FreezeShared = value == "shared" },
        _ => throw new BtxException($"--freeze {BtxException.OneLine(value)}: unknown; choose shared or nothing"),
    };

    public string? Shards(ParseResult parsed) => parsed.GetValue(shards);

    /// <summary>A comma-separated list of names.</summary>
    public static Option<string[]> Names(string name, string description) =>
        new(name)
        {
            Description = description,
            HelpName = "a,b",
            DefaultValueFactory = _ => [],
            CustomParser = r =>
        [.. r.Tokens.SelectMany(t => t.Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))]
        };

    /// <summary>A count that may end in k, M or G.</summary>
    public static Option<long?> Count(string name, string description, string help) =>
        new(name) { Description = description, HelpName = help, CustomParser = ParseCount };

    private static long? ParseCount(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        var scale = text[^1] switch { 'k' => 1e3, 'M' => 1e6, 'G' => 1e9, _ => 1 };
        if (double.TryParse(scale == 1 ? text : text[..^1], NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
            && Math.Abs(value * scale) < 1e15)
            return (long)Math.Round(value * scale);
        result.AddError($"{result.Argument.Name} \"{text}\": expected a number such as 600000, 600k or 1.2M");
        return null;
    }
}
