using System.CommandLine;
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
        ensemble, ensemble:last_token, ensemble:fixed, ensemble:switching, top_1 to top_E, top_K:probe=N (the first N tokens
        choose K experts, as router probe does), top_p=P, average:uniform, average:posterior, average:argmax.

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
        var device = Flags.Device("where models are scored");
        var json = new JsonFlag();
        var picture = new Flag<string?>("--picture FILE.svg", "write a heat map to this file");
        var usual = new EvaluationOptions { Forest = "", Corpus = "" };
        FlagSet<EvaluationOptions> flags = new()
        {
            { new Flag<string>("--forest DIR", "directory with forest.json") { Required = true }, (o, v) => o with { Forest = v } },
            { new Flag<string>("--corpus DIR", "corpus directory") { Required = true }, (o, v) => o with { Corpus = v } },
            { new Flag<string?>("--seed-model DIR", "the seed's model directory"), (o, v) => o.With(EvaluationMode.Seed, v!) },
            { new Flag<string?>("--dense DIR", "model directory of the dense baseline"), (o, v) => o.With(EvaluationMode.Dense, v!) },
            { new Flag<string[]>("--model NAME=DIR", "another model to measure, Llama or Mixtral, and the name of its row; repeatable", []),
                (o, v) => o with { Models = [.. o.Models, .. ComparedModel.Parse(v)] } },
            { new Flag<string?>("--btx DIR", "directory of the BTX model"), (o, v) => o.With(EvaluationMode.Moe, v!) },
            { Flags.Names("--domains A,B", "only these domains (all, also those only for evaluation)"), (o, v) => o with { Domains = v } },
            { Flags.Names("--modes A,B", "only these modes (all)"), (o, v) => o with { Modes = v } },
            { new Choice("--split", ["train", "validation", "test"], "split to measure on", "test"),
                (o, v) => o with { Split = Enum.Parse<CorpusSplit>(v, ignoreCase: true) } },
            { new Flag<long>("--max-tokens-per-domain N", "predicted tokens of each domain, evenly spread over the split; 0: all",
                usual.MaxTokensPerDomain), (o, v) => o with { MaxTokensPerDomain = v } },
            { new Choice("--select", ["per_token", "prompt"], "when top_k and top_p choose: again for each token, or once after 32 tokens",
                "per_token"), (o, v) => o with { Select = v == "prompt" ? SelectForm.Prompt : SelectForm.PerToken } },
            { new Flag<int?>("--context N", "tokens of a sequence (the models' context)"), (o, v) => o with { Context = v } },
            device,
            { Flags.Threads("models scored at once on the CPU, a thread each (all cores)", Environment.ProcessorCount),
                (o, v) => o with { Parallel = v } },
            json,
            picture,
        };
        var command = new Command("evaluate", Text);
        command.Add(flags);
        return command.Does((parsed, cancellation) => Run(flags.Apply(parsed, usual), DeviceSpec.Parse(parsed.GetRequiredValue(device)),
            parsed.GetValue(json), parsed.GetValue(picture), cancellation));
    }

    private static void Run(EvaluationOptions options, DeviceSpec spec, string? json, string? picture, CancellationToken cancellation)
    {
        var device = TorchDevice.Open(spec, threads: 1);
        if (spec.IsCuda) options = options with { Parallel = 1 }; // one model fills a GPU
        var evaluator = new ForestEvaluator(options, cancellation);
        EvaluationReport report;
        using (var display = new ProgressDisplay())
        {
            var item = display.Start("evaluate", evaluator.TotalTokens, "tokens");
            long done = 0;
            report = evaluator.Run(device, n => item.Report(Interlocked.Add(ref done, n)), cancellation);
        }

        if (json is not null) AtomicFile.WriteText(json, report.ToJson());
        if (picture is not null) AtomicFile.WriteText(picture, report.ToSvg());
        EvaluationTable.Write(report,
            AnsiConsole.Create(new() { Ansi = Console.IsOutputRedirected ? AnsiSupport.No : AnsiSupport.Detect }));
    }
}
