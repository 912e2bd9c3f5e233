using System.Net.NetworkInformation;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Btx.Trainer.Runs;

/// <summary>The whole way on real text in minutes: text, a seed, four experts, BTX, evaluation, export, a server, a removal.</summary>
internal sealed class Demo(string directory)
{
    private const string Domains = "novels,bible,python,german";
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Whoever has it may change the forest that is served.</summary>
    public string KeyFile => At("admin.key");

    private string At(string name) => Path.Combine(directory, name);

    /// <summary>Removes what an earlier demo made; the directory may hold other things.</summary>
    public void Clear()
    {
        foreach (var name in "corpus tokenizer seed dense forest mix btx served served-btx removal logs".Split(' '))
            if (Directory.Exists(At(name))) Directory.Delete(At(name), recursive: true);
        foreach (var name in "demo.json evaluation.json evaluation.svg admin.key".Split(' ')) File.Delete(At(name));
    }

    /// <summary>What the stages need that no stage makes: a key, and a served forest from which no expert was removed.</summary>
    public void Prepare()
    {
        // An earlier demo removed one, for good.
        if (File.Exists(At("served/forest.journal"))) Directory.Delete(At("served"), recursive: true);
        File.Delete(KeyFile);
        var secret = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) secret.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var file = new StreamWriter(KeyFile, secret);
        file.Write(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)));
    }

    public RunGraph Plan()
    {
        // Two processes of one thread train side by side. What is not training has lanes of its own, to run beside it.
        var (train, evaluate) = (new Lane("train", 2), new Lane("evaluate", 1, Environment.ProcessorCount));
        var (build, serve) = (new Lane("build", 1), new Lane("serve", 2));
        List<Stage> stages = [];
        void Add(string name, Lane lane, string about, string after, FormattableString command, string? output = null,
            string? ready = null) =>
            stages.Add(new(name, Stage.Words(command), lane)
            {
                About = about,
                After = after.Split(' ', StringSplitOptions.RemoveEmptyEntries),
                Outputs = output is null ? [] : [At(output)],
                Log = At($"logs/{name}.log"),
                Shown = output is null && ready is null && lane != build,
                ReadyLine = ready,
            });
        var (forest, seed, served, servedBtx) = (At("forest"), At("seed"), At("served"), At("served-btx"));
        string[] text = ["--corpus", At("corpus"), "--domains", Domains];
        string[] model = [.. text, "--tokenizer", At("tokenizer"), "--preset", "demo"];
        var taken = IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners().Select(l => l.Port).ToHashSet();
        int[] free = [.. Enumerable.Range(18080, 10_000).Where(port => !taken.Contains(port)).Take(2)];
        var (http, grpc) = (free[0], free[1]);

        Add("corpus", train, "four domains of real prose, scripture, code and German", "",
            $"btx corpus --set demo --out {At("corpus")}", "corpus/corpus.json");
        Add("programs", build, "build what exports and serves, in the time that training leaves", "", $"btx demo programs");
        Add("tokenizer", train, "a byte-level BPE vocabulary of 2,048", "corpus",
            $"btx tokenizer train {text} --vocab-size 2048 --out {At("tokenizer")}", "tokenizer/tokenizer.json");
        Add("seed", train, "one model on all four domains (600 k tokens)", "tokenizer",
            $"btx train seed {model} --tokens 600000 --out {seed}", "seed/model.safetensors");
        Add("dense", train, "beside it, on the other core, the dense baseline (1.2 M tokens, learning rate swept)", "tokenizer",
            $"btx train dense {model} --tokens 1200000 --lr-sweep 4e-3,8e-3,16e-3 --sweep-tokens 100000 --out {At("dense")}",
            "dense/model.safetensors");
        Add("round", train, "branch four experts from the seed, train each on its own domain alone (150 k tokens each), merge", "seed",
            $"btx train round --forest {forest} --seed {seed} {text} --tokens 150000 --parallel 1", "forest/forest.json");
        Add("mix", train, "BTX: mix the experts' feed-forwards into one token-routed model (routers by ridge)", "round",
            $"btx train mix --forest {forest} --corpus {At("corpus")} --router-init ridge --out {At("mix")}", "mix/btx.json");
        Add("btx", train, "fine-tune it on all four domains (250 k tokens)", "mix",
            $"btx train finetune --model {At("mix")} {text} --tokens 250000 --out {At("btx")}", "btx/model.safetensors");
        Add("export", train, "ONNX graphs, checked against a reference", "round programs",
            $"btx export --forest {forest} --out {served}", "served/served.json");
        Add("export-btx", train, "the same of the BTX model", "btx programs",
            $"btx export --btx {At("btx")} --out {servedBtx}", "served-btx/served-btx.json");
        Add("evaluate", evaluate, "bits per byte on held-out documents (lower is better), beside export and serving", "dense btx",
            $"""
            btx evaluate --forest {forest} {text} --seed-model {seed} --dense {At("dense")} --model mix={At("mix")} --btx {At("btx")}
              --json {At("evaluation.json")} --picture {At("evaluation.svg")}
            """);
        Add("serve", serve, "the forest and the BTX model", "export export-btx",
            $"btx serve --forest {served} --btx {servedBtx} --admin-key-file {KeyFile} --http 127.0.0.1:{http} --grpc 127.0.0.1:{grpc}",
            ready: "gRPC");
        Add("requests", serve, "generate in each mode from one prompt per domain", "serve", $"btx demo requests {directory} {http} {grpc}");
        Add("removal", serve, "take python out of the running server, under load", "serve requests",
            $"btx demo removal {directory} {http} {grpc}");
        return new(stages);
    }

    /// <summary>Writes <c>demo.json</c>: the evaluation's figures, and before them what this run measured.</summary>
    /// <param name="started">Seconds from the start of the demo to that of the stages.</param>
    /// <returns>Where the time went, in one line.</returns>
    public string Report(IReadOnlyDictionary<string, StageResult> stages, double started, double total, string? json)
    {
        static double Between(TimeSpan began, TimeSpan ended) => Math.Round((ended - began).TotalSeconds, 1);
        TimeSpan Began(string name) => stages[name].Began ?? stages[name].Ended;
        double Span(params string[] names) => Between(names.Min(Began), names.Max(n => stages[n].Ended));
        var seconds = new JsonObject
        {
            ["total"] = Math.Round(total, 1),
            ["setup"] = Math.Round(started, 1),
            ["corpus"] = Span("corpus", "tokenizer"),
            ["train"] = Span("seed", "dense", "round", "mix", "btx"),
            ["btx"] = Span("mix", "btx"),
            ["evaluate"] = Span("evaluate"),
            ["export"] = Span("export", "export-btx"),
            ["serve"] = Between(Began("serve"), stages["requests"].Ended),
            ["remove"] = Span("removal"),
        };
        var removal = new JsonObject();
        foreach (var (before, after) in File.ReadLines(At("removal/before")).Zip(File.ReadLines(At("removal/after"))))
        {
            var (was, now) = (before.Split(' '), after.Split(' '));
            JsonArray Both(int column) => [double.Parse(was[column]), double.Parse(now[column])];
            removal[was[0]] = new JsonObject { ["bits_per_byte"] = Both(1), ["perplexity"] = Both(2) };
        }

        var figures = new JsonObject { ["seconds"] = seconds, ["removal"] = removal };
        foreach (var (name, value) in JsonNode.Parse(File.ReadAllText(At("evaluation.json")))!.AsObject())
            figures[name] = value!.DeepClone();
        foreach (var path in (string?[])[At("demo.json"), json])
            if (path is not null) AtomicFile.WriteText(path, figures.ToJsonString(Indented) + "\n");
        return $"Done in {seconds["total"]} s (set-up {seconds["setup"]}, corpus {seconds["corpus"]}, train {seconds["train"]} "
            + $"with BTX's {seconds["btx"]}, evaluate {seconds["evaluate"]} beside export {seconds["export"]}, "
            + $"serve {seconds["serve"]}, remove {seconds["remove"]}).";
    }
}
