namespace Btx.Trainer.Runs;

/// <summary>The papers' comparisons on real text: a seed, a forest, BTX and every baseline, for each random seed. Compute is 6 × active
/// parameters × tokens: the dense model, the continued seed, sparse upcycling and the fine-tuned average each get as much as BTX.</summary>
internal sealed record Reproduction
{
    private const int Vocabulary = 2048, Batch = 2;

    /// <summary>Rows that can be left out.</summary>
    public static readonly string[] Optional = ["dense", "continued", "upcycled-tune", "mix-random"];

    public string Directory { get => field ?? $"reproduction/{Preset}-{Domains.Count}"; init; }
    public string Corpus { get; init; } = "";
    public IReadOnlyList<string> Domains { get; init; } = [];
    public string Preset { get; init; } = "demo";

    /// <summary>Learning rate of the seed.</summary>
    public string Rate => Preset == "tiny" ? "2e-3" : "4e-3";

    /// <summary>Rates that the dense model chooses from.</summary>
    public string Sweep { get => field ?? (Preset == "tiny" ? "2e-3,4e-3,8e-3" : "4e-3,8e-3,16e-3"); init; }
    public string? UpcycleRate { get; init; } // of sparse upcycling and of the continued seed
    public string? TuneRate { get; init; } // of every fine-tuning; null: half the preset's
    public string? SharedRate { get; init; } // of experts that share all but their feed-forwards; null: twice the seed's
    public bool FallingSeed { get; init; } // whether the seed's rate falls to a tenth
    public IReadOnlyList<string> RandomSeeds { get; init; } = ["1", "2", "3"];
    public IReadOnlyList<string> Skipped { get; init; } = [];
    public bool EqualTokens { get; init; }
    public bool Ablations { get; init; }
    public long SeedTokens { get; init; } = 600_000;
    public long ExpertTokens { get; init; } = 150_000;
    public long TuneTokens { get => field > 0 ? field : 62_500 * Domains.Count; init; }
    public long TestTokens { get; init; } = 100_000;

    /// <summary>Evaluations that the tables are made of, with the prefix of their rows.</summary>
    public IEnumerable<(string Prefix, string File)> Reports => RandomSeeds.Select(s => Path.Combine(Directory, $"s{s}", "evaluation"))
        .SelectMany(file => ((string, string)[])[("", $"{file}.json"), ("shared:", $"{file}-shared.json")]);

    public RunGraph Plan() => new([
        new("tokenizer", Stage.Words(
            $"btx tokenizer train --corpus {Corpus} --domains {Names} --vocab-size {Vocabulary} --out {Tokenizer}"), Train)
        {
            Log = Path.Combine(Directory, "tokenizer.log"),
            Outputs = [Path.Combine(Tokenizer, "tokenizer.json")],
        }, .. RandomSeeds.SelectMany(Stages)]);

    private List<Stage> Stages(string random)
    {
        List<Stage> stages = [];
        string At(string name) => Path.Combine(Directory, $"s{random}", name);
        void Add(string name, string[] after, string output, FormattableString command, Lane? lane = null) =>
            stages.Add(new($"s{random}/{name}", Stage.Words(command), lane ?? Train)
            {
                After = [.. after.Select(a => a == "tokenizer" ? a : $"s{random}/{a}")],
                Outputs = [At(output)],
                Log = At($"{name}.log"),
            });

        var shards = Path.Combine(Directory, "shards");
        string[] text = ["--corpus", Corpus, "--domains", Names, "--shards", shards];
        string[] exact = [.. text, "--no-early-stop", "--random-seed", random]; // budgets are compared: nobody stops before the others
        string[] network = [.. exact, "--batch", $"{Batch}", "--tokenizer", Tokenizer, "--preset", Preset];
        string[] tuned = TuneRate is null ? [] : ["--lr", TuneRate];
        string[] ridge = ["--corpus", Corpus, "--shards", shards, "--router-init", "ridge"];
        string[] own = ["--router-init", "random", "--random-seed", random];
        void Tune(string name, string model, long tokens, params string[] more) => Add(name, [model], $"{name}/model.safetensors",
            $"btx train finetune --model {At(model)} {exact} --batch {Batch} --tokens {tokens} --out {At(name)} {more}");
        void Round(string name, string forest, params string[] more) => Add(name, ["seed"], $"{forest}/forest.json",
            $"btx train round --forest {At(forest)} --seed {At("seed")} {exact} --tokens {ExpertTokens} --min-lr 0 {more}");
        void Average(string name, string forest, string round) => Add(name, [round], $"{name}/model.safetensors",
            $"btx train average --forest {At(forest)} --weights uniform --out {At(name)} --fresh");
        void Mix(string name, string after, string[] router, FormattableString what) => Add(name, [after], $"{name}/btx.json",
            $"btx train mix {Stage.Words(what)} {router} --out {At(name)}");

        // Active parameters of the dense model, and of the BTX model with two experts per token (routers included).
        var config = Presets.Get(Preset, Vocabulary);
        var (dense, experts) = (config.ParameterCount, (long)Domains.Count);
        var mixture = dense + (config.NumHiddenLayers * config.HiddenSize * ((3L * config.IntermediateSize) + experts));
        static long Equal(long tokens, long at, long to) => tokens * at / to / 1000 * 1000; // tokens that cost as much at other parameters
        var (branched, tuneDense) = (experts * ExpertTokens, Equal(TuneTokens, mixture, dense));

        string[] falling = FallingSeed ? ["--schedule", "linear", "--min-lr", Scaled(0.1)] : [];
        Add("seed", ["tokenizer"], "seed/model.safetensors",
            $"btx train seed {network} --lr {Rate} --tokens {SeedTokens} {falling} --out {At("seed")}");
        if (Kept("dense"))
            Add("dense", ["tokenizer"], "dense/model.safetensors", $"""
                btx train dense {network} --tokens {SeedTokens + branched + tuneDense}
                  --lr-sweep {Sweep} --sweep-tokens {SeedTokens / 6} --out {At("dense")}
                """);
        Round("round", "forest");
        Mix("mix-ridge", "round", ridge, $"--forest {At("forest")}");
        if (Kept("mix-random")) Mix("mix-random", "round", own, $"--forest {At("forest")}");
        Tune("btx", "mix-ridge", TuneTokens, tuned);
        Average("average", "forest", "round");
        Tune("average-tuned", "average", tuneDense, tuned);
        Mix("upcycle", "seed", own, $"--upcycle {At("seed")} --copies {experts}");
        Tune("upcycled", "upcycle", TuneTokens + Equal(branched, dense, mixture), "--lr", UpcycleRate ?? Rate);
        if (Kept("upcycled-tune")) Tune("upcycled-tune", "upcycle", TuneTokens, tuned);
        Round("shared-round", "shared", "--lr", SharedRate ?? Scaled(2), "--freeze", "shared");
        Mix("shared-mix", "shared-round", ridge, $"--forest {At("shared")}");
        Tune("shared-btx", "shared-mix", TuneTokens, tuned);
        Average("shared-average", "shared", "shared-round");
        Tune("shared-tuned", "shared-average", tuneDense, tuned);
        if (Kept("continued"))
            Add("continued", ["seed"], "continued/model.safetensors", $"""
                btx train dense --from {At("seed")} {exact} --batch {Batch}
                  --lr {UpcycleRate ?? Rate} --tokens {branched + tuneDense} --out {At("continued")}
                """);
        if (EqualTokens)
            Add("dense-tokens", ["dense"], "dense-tokens/model.safetensors", $"""
                btx train dense {network} --tokens {SeedTokens + branched + TuneTokens} --lr-of {At("dense")} --out {At("dense-tokens")}
                """);
        if (Ablations)
        {
            Tune("btx-frozen", "mix-ridge", TuneTokens, "--freeze", "experts");
            Tune("btx-random", "mix-random", TuneTokens);
            Tune("btx-unbalanced", "mix-random", TuneTokens, "--load-balancing", "0");
            Tune("btx-switch", "mix-ridge", TuneTokens, "--router", "switch");
            Tune("btx-sample", "mix-ridge", TuneTokens, "--router", "sample_top1");
            Tune("btx-soft", "mix-ridge", TuneTokens, "--router", "soft");
        }

        var rows = "continued average-tuned upcycled upcycled-tune mix-random mix-ridge".Split(' ').Where(Kept);
        if (EqualTokens) rows = rows.Append("dense-tokens");
        if (Ablations) rows = rows.Concat("btx-random btx-unbalanced btx-frozen btx-soft btx-sample btx-switch".Split(' '));
        string[] compared = [.. rows], models = [.. compared.SelectMany(row => Stage.Words($"--model {row}={At(row)}"))];
        var tested = Stage.Words($"--corpus {Corpus} --domains {Names} --max-tokens-per-domain {TestTokens} --seed-model {At("seed")}");
        string[] baseline = Kept("dense") ? ["--dense", At("dense")] : [];
        var modes = $"models,moe,moe:k=1,moe:k={experts},ensemble,top_1,top_2,average:uniform,average:posterior,experts";
        var evaluate = new Lane("evaluate", 1, Environment.ProcessorCount);
        Add("evaluation", [.. compared, "btx", .. Kept("dense") ? (string[])["dense"] : []], "evaluation.json",
            $"""
            btx evaluate --forest {At("forest")} {tested} {baseline} --btx {At("btx")} {models}
              --modes seed,{(Kept("dense") ? "dense," : "")}{modes} --json {At("evaluation.json")} --picture {At("evaluation.svg")}
            """, evaluate);
        Add("evaluation-shared", ["shared-btx", "shared-tuned"], "evaluation-shared.json",
            $"""
            btx evaluate --forest {At("shared")} {tested} --btx {At("shared-btx")} --model average-tuned={At("shared-tuned")}
              --model mix-ridge={At("shared-mix")} --modes {modes} --json {At("evaluation-shared.json")}
            """, evaluate);
        return stages;
    }

    private static Lane Train { get; } = new("train", 2); // processes of one thread

    private string Names => string.Join(',', Domains);

    private string Tokenizer => Path.Combine(Directory, "tokenizer");

    private bool Kept(string row) => !Skipped.Contains(row);

    private string Scaled(double factor) => $"{double.Parse(Rate) * factor:G6}";
}
