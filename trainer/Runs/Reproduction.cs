using System.Globalization;
using Btx.Trainer.Networks;

namespace Btx.Trainer.Runs;

/// <summary>
/// The papers' comparisons on real text: a seed, a forest, BTX and every baseline at equal compute, for each random seed. Compute is
/// 6 × active parameters × tokens: the dense model, the continued seed, sparse upcycling and the fine-tuned average each get as much as BTX.
/// </summary>
internal sealed record Reproduction
{
    private const int Vocabulary = 2048, Batch = 2;

    /// <summary>Rows that can be left out.</summary>
    public static readonly string[] Optional = ["dense", "continued", "upcycled-tune", "mix-random"];

    public required string Directory { get; init; }
    public required string Corpus { get; init; }
    public required IReadOnlyList<string> Domains { get; init; }
    public required string Preset { get; init; }

    /// <summary>Learning rate of the seed.</summary>
    public string Rate => Preset == "tiny" ? "2e-3" : "4e-3";

    /// <summary>Rates that the dense model chooses from.</summary>
    public required string Sweep { get; init; }

    /// <summary>Of sparse upcycling and of the continued seed.</summary>
    public string? UpcycleRate { get; init; }

    /// <summary>Of every fine-tuning; null: half the preset's.</summary>
    public string? TuneRate { get; init; }

    /// <summary>Of experts that share all but their feed-forwards; null: twice the seed's.</summary>
    public string? SharedRate { get; init; }

    /// <summary>Whether the seed's rate falls to a tenth.</summary>
    public bool FallingSeed { get; init; }

    public IReadOnlyList<string> RandomSeeds { get; init; } = ["1", "2", "3"];
    public IReadOnlyList<string> Skipped { get; init; } = [];
    public bool EqualTokens { get; init; }
    public bool Ablations { get; init; }
    public long SeedTokens { get; init; } = 600_000;
    public long ExpertTokens { get; init; } = 150_000;
    public long TuneTokens { get; init; }
    public long TestTokens { get; init; } = 100_000;

    /// <summary>Evaluations that the tables are made of, with the prefix of their rows.</summary>
    public IEnumerable<(string Prefix, string File)> Reports => RandomSeeds.SelectMany(s => ((string, string)[])
        [("", Path.Combine(Directory, $"s{s}", "evaluation.json")), ("shared:", Path.Combine(Directory, $"s{s}", "evaluation-shared.json"))]);

    public RunGraph Plan()
    {
        string[] tokenizer = ["tokenizer", "train", "--corpus", Corpus, "--domains", string.Join(',', Domains), "--vocab-size", $"{Vocabulary}",
            "--out", Path.Combine(Directory, "tokenizer")];
        return new([new("tokenizer", ["btx", .. tokenizer], new("train", 2))
        {
            Log = Path.Combine(Directory, "tokenizer.log"),
            Outputs = [Path.Combine(Directory, "tokenizer", "tokenizer.json")],
        }, .. RandomSeeds.SelectMany(Stages)]);
    }

    private List<Stage> Stages(string random)
    {
        var (train, evaluate) = (new Lane("train", 2), new Lane("evaluate", 1, Environment.ProcessorCount)); // processes of one thread
        List<Stage> stages = [];
        string At(string name) => Path.Combine(Directory, $"s{random}", name);
        void Add(string name, string[] after, string[] command, string output, Lane? lane = null) => stages.Add(
            new($"s{random}/{name}", ["btx", .. command], lane ?? train)
            {
                After = [.. after.Select(a => a == "tokenizer" ? a : $"s{random}/{a}")],
                Outputs = [At(output)],
                Log = At($"{name}.log"),
            });

        string[] text = ["--corpus", Corpus, "--domains", string.Join(',', Domains), "--shards", Path.Combine(Directory, "shards")];
        string[] exact = ["--no-early-stop"]; // budgets are compared: nobody stops before the others
        string[] fresh = ["--tokenizer", Path.Combine(Directory, "tokenizer"), "--preset", Preset, "--batch", $"{Batch}"];
        string[] tuned = TuneRate is null ? [] : ["--lr", TuneRate];
        string[] own = ["--random-seed", random];
        void Tune(string name, string model, long tokens, params string[] more) => Add(name, [model],
            ["train", "finetune", "--model", At(model), .. text, .. exact, "--batch", $"{Batch}", "--tokens", $"{tokens}", .. own, "--out", At(name), .. more],
            $"{name}/model.safetensors");
        void Round(string name, string forest, params string[] more) => Add(name, ["seed"],
            ["train", "round", "--forest", At(forest), "--seed", At("seed"), .. text, .. exact, "--tokens", $"{ExpertTokens}", .. own, .. more],
            $"{forest}/forest.json");
        void Average(string name, string forest, string round) => Add(name, [round],
            ["train", "average", "--forest", At(forest), "--weights", "uniform", "--out", At(name), "--fresh"], $"{name}/model.safetensors");
        void Mix(string name, string after, params string[] what) => Add(name, [after], ["train", "mix", .. what, "--out", At(name)], $"{name}/btx.json");

        // Active parameters of the dense model, and of the mixture with two experts per token (routers included).
        var config = Presets.Get(Preset, Vocabulary);
        var (count, experts) = (config.ParameterCount, (long)Domains.Count);
        var active = count + (config.NumHiddenLayers * ((3L * config.HiddenSize * config.IntermediateSize) + (experts * config.HiddenSize)));
        static long Equal(long tokens, long at, long to) => tokens * at / to / 1000 * 1000; // what they cost, in tokens at other active parameters
        var (branched, tuneDense) = (experts * ExpertTokens, Equal(TuneTokens, active, count));
        string[] ridge = ["--corpus", Corpus, "--shards", Path.Combine(Directory, "shards"), "--router-init", "ridge"];

        Add("seed", ["tokenizer"], ["train", "seed", .. text, .. exact, .. fresh, "--lr", Rate, "--tokens", $"{SeedTokens}", .. own,
            .. FallingSeed ? (string[])["--schedule", "linear", "--min-lr", Scaled(0.1)] : [], "--out", At("seed")], "seed/model.safetensors");
        if (Kept("dense"))
            Add("dense", ["tokenizer"], ["train", "dense", .. text, .. exact, .. fresh, "--tokens", $"{SeedTokens + branched + tuneDense}", .. own,
                "--lr-sweep", Sweep, "--sweep-tokens", $"{SeedTokens / 6}", "--out", At("dense")], "dense/model.safetensors");
        Round("round", "forest", "--min-lr", "0");
        Mix("mix-ridge", "round", ["--forest", At("forest"), .. ridge]);
        if (Kept("mix-random")) Mix("mix-random", "round", ["--forest", At("forest"), "--router-init", "random", .. own]);
        Tune("btx", "mix-ridge", TuneTokens, tuned);
        Average("average", "forest", "round");
        Tune("average-tuned", "average", tuneDense, tuned);
        Mix("upcycle", "seed", ["--upcycle", At("seed"), "--copies", $"{experts}", "--router-init", "random", .. own]);
        Tune("upcycled", "upcycle", TuneTokens + Equal(branched, count, active), "--lr", UpcycleRate ?? Rate);
        if (Kept("upcycled-tune")) Tune("upcycled-tune", "upcycle", TuneTokens, tuned);
        Round("shared-round", "shared", "--lr", SharedRate ?? Scaled(2), "--min-lr", "0", "--freeze", "shared");
        Mix("shared-mix", "shared-round", ["--forest", At("shared"), .. ridge]);
        Tune("shared-btx", "shared-mix", TuneTokens, tuned);
        Average("shared-average", "shared", "shared-round");
        Tune("shared-tuned", "shared-average", tuneDense, tuned);
        if (Kept("continued"))
            Add("continued", ["seed"], ["train", "dense", "--from", At("seed"), .. text, .. exact, "--batch", $"{Batch}", "--lr", UpcycleRate ?? Rate,
                "--tokens", $"{branched + tuneDense}", .. own, "--out", At("continued")], "continued/model.safetensors");
        if (EqualTokens)
            Add("dense-tokens", ["dense"], ["train", "dense", .. text, .. exact, .. fresh, "--tokens", $"{SeedTokens + branched + TuneTokens}", .. own,
                "--lr-of", At("dense"), "--out", At("dense-tokens")], "dense-tokens/model.safetensors");
        if (Ablations)
        {
            Tune("btx-frozen", "mix-ridge", TuneTokens, "--freeze", "experts");
            Tune("btx-random", "mix-random", TuneTokens);
            Tune("btx-unbalanced", "mix-random", TuneTokens, "--load-balancing", "0");
            foreach (var (name, router) in ((string, string)[])[("switch", "switch"), ("sample", "sample_top1"), ("soft", "soft")])
                Tune($"btx-{name}", "mix-ridge", TuneTokens, "--router", router);
        }

        string[] compared = [.. ((string[])["continued", "average-tuned", "upcycled", "upcycled-tune", "mix-random", "mix-ridge"]).Where(Kept),
            .. EqualTokens ? (string[])["dense-tokens"] : [],
            .. Ablations ? (string[])["btx-random", "btx-unbalanced", "btx-frozen", "btx-soft", "btx-sample", "btx-switch"] : []];
        string[] dense = Kept("dense") ? ["dense"] : [];
        string[] tested = ["--corpus", Corpus, "--domains", string.Join(',', Domains), "--seed-model", At("seed")];
        string[] most = ["--max-tokens-per-domain", $"{TestTokens}", "--modes"];
        var modes = $"models,moe,moe:k=1,moe:k={experts},ensemble,top_1,top_2,average:uniform,average:posterior,experts";
        Add("evaluation", ["round", "btx", .. dense, .. compared], ["evaluate", "--forest", At("forest"), .. tested, .. dense.SelectMany(d => new[] { "--dense", At(d) }),
            "--btx", At("btx"), .. compared.SelectMany(c => new[] { "--model", $"{c}={At(c)}" }), .. most, $"seed,{string.Concat(dense.Select(d => d + ","))}{modes}",
            "--json", At("evaluation.json"), "--picture", At("evaluation.svg")], "evaluation.json", evaluate);
        Add("evaluation-shared", ["shared-btx", "shared-tuned"], ["evaluate", "--forest", At("shared"), .. tested, "--btx", At("shared-btx"),
            "--model", $"average-tuned={At("shared-tuned")}", "--model", $"mix-ridge={At("shared-mix")}", .. most, modes,
            "--json", At("evaluation-shared.json")], "evaluation-shared.json", evaluate);
        return stages;
    }

    private bool Kept(string row) => !Skipped.Contains(row);

    private string Scaled(double factor) => (double.Parse(Rate, CultureInfo.InvariantCulture) * factor).ToString("G6", CultureInfo.InvariantCulture);
}
