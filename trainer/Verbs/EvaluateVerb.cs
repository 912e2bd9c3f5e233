using System.CommandLine;
using Btx.Model;
using Btx.Model.Devices;
using Btx.Model.Files;
using Btx.Model.Mixing;
using Btx.Trainer.Corpora;
using Btx.Trainer.Devices;
using Btx.Trainer.Evaluation;
using Btx.Trainer.Terminal;
using Spectre.Console;

namespace Btx.Trainer.Verbs;

/// <summary><c>btx evaluate</c>: perplexity and bits per byte of a forest and what it is compared with.</summary>
internal static class EvaluateVerb
{
    private const string Text =
        """
        Measure perplexity and bits per byte on held-out text: every domain under the seed, each expert, the dense baseline, the
        ensemble with each kind of posterior, the top k experts, top_p, each parameter average, a BTX model, and any other model with
        the same tokenizer. Beside the figures stand the tokens and the FLOPs that trained each, and what a token costs it.

        Modes: seed, dense, models, the name of a --model, moe, moe:k=K (the BTX model, K experts per token), experts, expert:NAME,
        ensemble, ensemble:last_token, ensemble:fixed, ensemble:switching, top_1 to top_E, top_p=P, average:uniform,
        average:posterior, average:argmax.

        Examples:
          btx evaluate --forest forest --corpus corpus --json evaluation.json
          btx evaluate --forest forest --corpus corpus --seed-model seed --dense dense --picture evaluation.svg
          btx evaluate --forest forest --corpus corpus --seed-model seed --btx btx --model continued=continued --model upcycled=upcycled
          btx evaluate --forest forest --corpus corpus --btx btx --modes ensemble,moe:k=1,moe:k=2,moe:k=4
          btx evaluate --forest forest --corpus corpus --domains novels,golang --modes experts,ensemble,top_1,top_2
          btx evaluate --forest forest --corpus corpus --select prompt --max-tokens-per-domain 0
        """;

    public static Command Create()
    {
        var forest = new Option<string>("--forest") { Description = "directory with forest.json", HelpName = "DIR", Required = true };
        var corpus = new Option<string>("--corpus") { Description = "corpus directory", HelpName = "DIR", Required = true };
        var seed = new Option<string?>("--seed-model") { Description = "the seed's model directory", HelpName = "DIR" };
        var dense = new Option<string?>("--dense") { Description = "model directory of the dense baseline", HelpName = "DIR" };
        var model = new Option<string[]>("--model")
        {
            Description = "another model to measure, Llama or Mixtral, and the name of its row; repeatable",
            HelpName = "NAME=DIR",
            DefaultValueFactory = _ => []
        };
        var btx = new Option<string?>("--btx") { Description = "directory of the BTX model", HelpName = "DIR" };
        var domains = Names("--domains", "only these domains, separated by commas (all, also those only for evaluation)", "a,b");
        var modes = Names("--modes", "only these modes, separated by commas (all)", "a,b");
        var split = new Option<string>("--split") { Description = "split to measure on", DefaultValueFactory = _ => "test" };
        split.AcceptOnlyFromAmong("train", "validation", "test");
        var tokens = new Option<long>("--max-tokens-per-domain")
        {
            Description = "predicted tokens of each domain, evenly spread over the split; 0: all",
            HelpName = "N",
            DefaultValueFactory = _ => new EvaluationOptions { Forest = "", Corpus = "" }.MaxTokensPerDomain
        };
        var select = new Option<string>("--select")
        {
            Description =
            "when top_k and top_p choose: anew for each token, or once after 32 tokens",
            DefaultValueFactory = _ => "per_token"
        };
        select.AcceptOnlyFromAmong("per_token", "prompt");
        var context = new Option<int?>("--context") { Description = "tokens of a sequence (the models' context)", HelpName = "N" };
        var device = new Option<string>("--device") { Description = "cpu, cuda or cuda:n", DefaultValueFactory = _ => "cpu" };
        var threads = new Option<int>("--threads")
        {
            Description = "models scored at once on the CPU, a thread each (all cores)",
            HelpName = "N",
            DefaultValueFactory = _ => Environment.ProcessorCount
        };
        var json = new Option<string?>("--json")
        {
            Description = "write every figure to this file, or - for standard output",
            HelpName = "FILE",
        };
        var picture = new Option<string?>("--picture") { Description = "write a heat map to this file", HelpName = "FILE.svg" };
        var command = new Command("evaluate", Text) { forest, corpus, seed, dense, model, btx, domains, modes, split, tokens, select,
            context, device, threads, json, picture };
        command.SetAction((parsed, cancellation) => Task.Run(() => Run(
            new EvaluationOptions
            {
                Forest = parsed.GetRequiredValue(forest),
                Corpus = parsed.GetRequiredValue(corpus),
                SeedModel = parsed.GetValue(seed),
                Dense = parsed.GetValue(dense),
                Models = ComparedModel.Parse(parsed.GetValue(model)!),
                Btx = parsed.GetValue(btx),
                Domains = Split(parsed.GetValue(domains)!),
                Modes = Split(parsed.GetValue(modes)!),
                Split = Enum.Parse<CorpusSplit>(parsed.GetRequiredValue(split), ignoreCase: true),
                MaxTokensPerDomain = parsed.GetValue(tokens),
                Select = parsed.GetValue(select) == "prompt" ? SelectForm.Prompt : SelectForm.PerToken,
                Context = parsed.GetValue(context),
                Parallel = parsed.GetValue(threads),
            },
            DeviceSpec.Parse(parsed.GetRequiredValue(device)), parsed.GetValue(json), parsed.GetValue(picture), cancellation),
                cancellation));
        return command;
    }

    private static int Run(EvaluationOptions options, DeviceSpec spec, string? json, string? picture, CancellationToken cancellation)
    {
        if (options.Parallel < 1) throw new BtxException($"--threads {options.Parallel}: expected at least 1");
        var device = TorchDevice.Open(spec, threads: 1);
        if (spec.IsCuda) options = options with { Parallel = 1 }; // one model fills a GPU
        var evaluator = ForestEvaluator.Open(options, cancellation);
        EvaluationReport report;
        using (var display = Progress())
        {
            var item = display.Start("evaluate", evaluator.TotalTokens, "tokens");
            long done = 0;
            report = evaluator.Run(device, n => item.Report(Interlocked.Add(ref done, n)), cancellation);
        }

        if (json is not null) AtomicFile.WriteText(json, EvaluationReportJson.Write(report));
        if (picture is not null) EvaluationPicture.Write(report, picture);
        EvaluationTable.Write(report, Console.IsOutputRedirected ? Plain() : AnsiConsole.Console);
        return 0;
    }

    private static IAnsiConsole Plain() =>
        AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
            Out = new AnsiConsoleOutput(Console.Out)
        });

    // On standard error, so that standard output holds the tables alone.
    private static ProgressDisplay Progress() => new(
        Console.Error,
        live: !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "dumb"),
        TimeProvider.System,
        () => Console.IsErrorRedirected ? 120 : Math.Max(20, Console.WindowWidth - 1));

    private static Option<string[]> Names(string name, string description, string help) =>
        new(name) { Description = description, HelpName = help, AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [] };

    private static string[] Split(string[] lists) =>
        [.. lists.SelectMany(l => l.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))];
}
