using System.CommandLine;

namespace Btx.Trainer.Verbs;

/// <summary><c>btx train seed</c> and <c>btx train dense</c>: one model on all domains, for the forest and as the baseline of it.</summary>
internal static class TrainModelVerbs
{
    private const string SeedText =
        """
        Train the seed: one model on all domains, each with the same share. DIR becomes a Hugging Face Llama directory;
        run.json, loss.csv and loss.svg lie beside the model. The same command resumes; done, it says so.

        Examples:
          btx train seed --corpus corpus --tokenizer tokenizer --out seed                 up to 600 k tokens, at most 8 passes over the text
          btx train seed --corpus corpus --tokenizer tokenizer --out seed --preset tiny --tokens 20M --threads 2
          btx train seed --corpus corpus --tokenizer tokenizer --out seed --hidden 256 --layers 4 --context 256 --schedule cosine
        """;

    private const string DenseText =
        """
        Train the dense baseline: one model on all domains with as many tokens as a seed and its experts together, its learning
        rate falling to 0. --lr-sweep tries several rates on a small budget and takes the best; lr_sweep.json records them.

        Examples:
          btx train dense --corpus corpus --tokenizer tokenizer --out dense                       up to 1.2 M tokens, at most 8 passes
          btx train dense --corpus corpus --tokenizer tokenizer --out dense --lr-sweep 2e-3,4e-3,8e-3,16e-3
          btx train dense --corpus corpus --from seed --out continued --tokens 600k               go on from a seed
        """;

    public static Command Seed()
    {
        var (model, flags) = (new TrainModelFlags(), new TrainFlags());
        var (corpus, domains, output) = (TrainFlags.Corpus(), TrainFlags.Domains(), TrainFlags.Output());
        var tokenizer = new Flag<string>("--tokenizer DIR", "directory with tokenizer.json") { Required = true };
        var command = new Command("seed", SeedText) { corpus, tokenizer, domains, output };
        command.Add(model.All.Concat(flags.All));
        return command.Does((parsed, cancellation) =>
        {
            var config = model.Config(parsed, TextTokenizer.Load(parsed.GetValue(tokenizer)!));
            var options = flags.Apply(parsed, PhaseDefaults.Seed(model.Preset(parsed), config.MaxPositionEmbeddings));
            var job = SingleRun.Job("seed", parsed.GetValue(corpus)!, flags.Shards(parsed), parsed.GetValue(tokenizer)!,
                parsed.GetValue(domains)!, config, text => flags.Settle(parsed, options, text), cancellation);
            SingleRun.Execute(job, parsed.GetValue(output)!, flags.Settings(parsed), cancellation);
        });
    }

    public static Command Dense()
    {
        var (model, flags) = (new TrainModelFlags(), new TrainFlags());
        var (corpus, domains, output) = (TrainFlags.Corpus(), TrainFlags.Domains(), TrainFlags.Output());
        var tokenizer = new Flag<string?>("--tokenizer DIR", "directory with tokenizer.json (that of --from)");
        var from = new Flag<string?>("--from DIR", "start from this model instead of random weights");
        var (sweep, sweepTokens) = TrainFlags.Sweep();
        var rateOf = new Flag<string?>("--lr-of DIR", "the learning rate that the sweep of this run chose");
        var command = new Command("dense", DenseText) { corpus, tokenizer, from, domains, sweep, sweepTokens, rateOf, output };
        command.Add(model.All.Concat(flags.All));
        command.Validators.Add(result =>
        {
            if (result.GetValue(tokenizer) is null && result.GetValue(from) is null)
                result.AddError("Name the tokenizer: --tokenizer DIR, or --from DIR with a model.");
        });
        return command.Does((parsed, cancellation) =>
        {
            var (start, directory, settings) = (parsed.GetValue(from), parsed.GetValue(output)!, flags.Settings(parsed));
            var tokens = parsed.GetValue(tokenizer) ?? start!;
            var config = start is null ? model.Config(parsed, TextTokenizer.Load(tokens))
                : LlamaConfig.Load(start).RequireDense(start) with { TorchDtype = "float32" };
            var options = flags.Apply(parsed, PhaseDefaults.Dense(PhaseDefaults.Seed(model.Preset(parsed), config.MaxPositionEmbeddings)));
            if (parsed.GetValue(rateOf) is { } run) options = options with { LearningRate = LearningRateSweep.Best(run) };
            var job = SingleRun.Job("dense", parsed.GetValue(corpus)!, flags.Shards(parsed), tokens, parsed.GetValue(domains)!, config,
                text => flags.Settle(parsed, options, text), cancellation);
            if (start is not null)
                job = job with { Parents = [new BranchParent("seed", 1, Path.GetFullPath(start), CheckpointFiles.Hash(start))] };
            job = LearningRateSweep.Choose(job, directory, parsed.GetValue(sweep)!, parsed.GetValue(sweepTokens), settings, cancellation);
            SingleRun.Execute(job, directory, settings, cancellation);
        });
    }
}

/// <summary>The flags that describe a new network: a preset, and what differs from it.</summary>
internal sealed class TrainModelFlags
{
    private readonly Flag<string> preset = new($"--preset {string.Join('|', Presets.Names)}",
        $"size of the network, with a vocabulary of 2,048: {string.Join("; ", Presets.Names.Select(Size))}", "demo");
    private readonly FlagSet<LlamaConfig> differences = new()
    {
        { new Flag<int?>("--hidden N", "hidden size"),
            (c, v) => Heads(c with { HiddenSize = v, IntermediateSize = ((8 * v / 3) + 3) / 4 * 4 }, Math.Max(1, v / 32)) },
        { new Flag<int?>("--intermediate N", "feed-forward size (8/3 of the hidden size)"), (c, v) => c with { IntermediateSize = v } },
        { new Flag<int?>("--layers N", "layers"), (c, v) => c with { NumHiddenLayers = v } },
        { new Flag<int?>("--heads N", "attention heads (one per 32 of the hidden size)"), Heads },
        { new Flag<int?>("--kv-heads N", "key/value heads (as many as heads)"), (c, v) => c with { NumKeyValueHeads = v } },
        { new Flag<int?>("--context N", "longest sequence in tokens, which a prompt and its answer share (the preset's)"),
            (c, v) => c with { MaxPositionEmbeddings = v } },
        { new Flag<bool?>("--tied true|false", "whether input and output embeddings are one"), (c, v) => c with { TieWordEmbeddings = v } },
    };

    public IReadOnlyList<Option> All => [preset, .. differences];

    public string Preset(ParseResult parsed) => parsed.GetValue(preset)!;

    /// <exception cref="BtxException">Unknown preset or a size out of range.</exception>
    public LlamaConfig Config(ParseResult parsed, TextTokenizer tokenizer) =>
        (differences.Apply(parsed, Presets.Get(Preset(parsed), tokenizer.VocabSize)) with
        {
            BosTokenId = tokenizer.BosId,
            EosTokenIds = tokenizer.EosId is { } end ? [end] : [],
        }).Validate("--preset, --hidden, --layers, …");

    private static LlamaConfig Heads(LlamaConfig config, int heads) =>
        config with { NumAttentionHeads = heads, NumKeyValueHeads = heads };

    private static string Size(string name)
    {
        var config = Presets.Get(name, 2048);
        return $"{name} {Quantity.Short(config.ParameterCount)} parameters (width {config.HiddenSize}, {config.NumHiddenLayers} "
            + $"layers, context {config.MaxPositionEmbeddings})";
    }
}
