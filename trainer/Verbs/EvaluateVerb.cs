using System.CommandLine;
using Btx.Cli;
using Btx.Model.Devices;
using Btx.Model.Mixing;
using Btx.Trainer.Corpora;
using Btx.Trainer.Devices;
using Btx.Trainer.Evaluation;
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
        var forest = new Flag<string>("--forest DIR", "directory with forest.json") { Required = true };
        var corpus = new Flag<string>("--corpus DIR", "corpus directory") { Required = true };
        var seed = new Flag<string?>("--seed-model DIR", "the seed's model directory");
        var dense = new Flag<string?>("--dense DIR", "model directory of the dense baseline");
        var model = new Flag<string[]>("--model NAME=DIR",
            "another model to measure, Llama or Mixtral, and the name of its row; repeatable", []);
        var btx = new Flag<string?>("--btx DIR", "directory of the BTX model");
        var domains = Flags.Names("--domains A,B", "only these domains (all, also those only for evaluation)");
        var modes = Flags.Names("--modes A,B", "only these modes (all)");
        var split = new Choice("--split", ["train", "validation", "test"], "split to measure on", "test");
        var tokens = new Flag<long>("--max-tokens-per-domain N",
            "predicted tokens of each domain, evenly spread over the split; 0: all",
            new EvaluationOptions { Forest = "", Corpus = "" }.MaxTokensPerDomain);
        var select = new Choice("--select", ["per_token", "prompt"],
            "when top_k and top_p choose: again for each token, or once after 32 tokens", "per_token");
        var context = new Flag<int?>("--context N", "tokens of a sequence (the models' context)");
        var device = Flags.Device("where models are scored");
        var threads = Flags.Threads("models scored at once on the CPU, a thread each (all cores)", Environment.ProcessorCount);
        var json = new JsonFlag();
        var picture = new Flag<string?>("--picture FILE.svg", "write a heat map to this file");
        var command = new Command("evaluate", Text) { forest, corpus, seed, dense, model, btx, domains, modes, split, tokens, select,
            context, device, threads, json, picture };
        return command.Does((parsed, cancellation) => Run(new()
        {
            Forest = parsed.GetRequiredValue(forest),
            Corpus = parsed.GetRequiredValue(corpus),
            SeedModel = parsed.GetValue(seed),
            Dense = parsed.GetValue(dense),
            Models = ComparedModel.Parse(parsed.GetValue(model)!),
            Btx = parsed.GetValue(btx),
            Domains = parsed.GetValue(domains)!,
            Modes = parsed.GetValue(modes)!,
            Split = Enum.Parse<CorpusSplit>(parsed.GetRequiredValue(split), ignoreCase: true),
            MaxTokensPerDomain = parsed.GetValue(tokens),
            Select = parsed.GetValue(select) == "prompt" ? SelectForm.Prompt : SelectForm.PerToken,
            Context = parsed.GetValue(context),
            Parallel = parsed.GetValue(threads),
        }, DeviceSpec.Parse(parsed.GetRequiredValue(device)), parsed.GetValue(json), parsed.GetValue(picture), cancellation));
    }

    private static void Run(EvaluationOptions options, DeviceSpec spec, string? json, string? picture, CancellationToken cancellation)
    {
        var device = TorchDevice.Open(spec, threads: 1);
        if (spec.IsCuda) options = options with { Parallel = 1 }; // one model fills a GPU
        var evaluator = ForestEvaluator.Open(options, cancellation);
        EvaluationReport report;
        using (var display = new ProgressDisplay())
        {
            var item = display.Start("evaluate", evaluator.TotalTokens, "tokens");
            long done = 0;
            report = evaluator.Run(device, n => item.Report(Interlocked.Add(ref done, n)), cancellation);
        }

        if (json is not null) AtomicFile.WriteText(json, EvaluationReportJson.Write(report));
        if (picture is not null) EvaluationPicture.Write(report, picture);
        EvaluationTable.Write(report,
            AnsiConsole.Create(new() { Ansi = Console.IsOutputRedirected ? AnsiSupport.No : AnsiSupport.Detect }));
    }
}
