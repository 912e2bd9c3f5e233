using System.CommandLine;
using System.Text.Json;
using Btx.Cli;
using Btx.Exporter.Graphs;
using Btx.Model.Devices;
using Btx.Model.Files;
using Btx.Model.Forests;

namespace Btx.Exporter.Verbs;

/// <summary><c>btx export</c>: makes a served forest out of a forest, or a served BTX model out of a BTX model.</summary>
internal static class ExportVerb
{
    public static Command Create()
    {
        var forest = new Flag<string?>("--forest DIR", "directory with forest.json");
        var btx = new Flag<string?>("--btx DIR", "directory of a BTX model, or of any Mixtral model");
        var target = new Flag<string>("--out DIR",
            "directory to make; an earlier export there is replaced whole, unless it was served") { Required = true };
        var precision = new Flag<string>("--precision P",
            "fp32 or fp16: weights and KV cache; int8 or int4 (--btx): the experts alone, the rest fp32", "fp32");
        var device = Flags.Device("where the self-check runs");
        var threads = Flags.Threads("threads of the self-check; 0: all cores", 0, least: 0);
        var experts = Flags.Names("--experts A,B", "only these, in this order (all that are not quarantined)");
        var genai = new Flag<bool>("--genai", "make each expert's weight directory loadable by ONNX Runtime GenAI too (copies weights)");
        var copy = new Flag<bool>("--copy-weights", "copy weights instead of binding the forest's own files");
        var form = new Flag<string?>("--form FORM",
            "with --btx: gathered (k an input; the default) or moe-op (one fused operator and one graph per k; the default with --device "
                + "cuda)");
        var counts = new Flag<string?>("--experts-per-token K,K",
            "with --form moe-op: the k to write graphs for, comma-separated; the router's own if left out");
        var json = new JsonFlag();
        var command = new Command("export", Text) { forest, btx, target, precision, device, threads, experts, genai, copy, form,
            counts, json };
        command.Validators.Add(r =>
        {
            var (ofForest, ofBtx) = (r.GetResult(forest) is not null, r.GetResult(btx) is not null);
            if (ofForest == ofBtx) r.AddError("name one source: --forest DIR or --btx DIR");
            foreach (Option option in ofBtx ? (Option[])[experts, genai] : [form, counts])
            {
                if (r.GetResult(option) is { Implicit: false })
                    r.AddError($"{option.Name} does not go with {(ofBtx ? "--btx" : "--forest")}");
            }
        });
        command.SetAction((parse, cancellation) => Task.Run(
            () =>
            {
                var (whereTo, how, where) = (parse.GetValue(target)!, GraphPrecisions.Parse(parse.GetValue(precision)!),
                    DeviceSpec.Parse(parse.GetValue(device)!));
                return parse.GetValue(btx) is { } model
                    ? MoeExport.Run(
                        new MoeExportOptions
                        {
                            Model = model,
                            Out = whereTo,
                            Precision = how,
                            Device = where,
                            Threads = parse.GetValue(threads),
                            Form = MoeExport.ParseForm(parse.GetValue(form)),
                            ExpertsPerToken = MoeExport.ParseCounts(parse.GetValue(counts)),
                            CopyWeights = parse.GetValue(copy),
                        },
                        parse.GetValue(json), cancellation)
                    : Run(
                        new ExportOptions
                        {
                            Forest = parse.GetValue(forest)!,
                            Out = whereTo,
                            Precision = how,
                            Device = where,
                            Threads = parse.GetValue(threads),
                            Experts = parse.GetResult(experts) is { Implicit: false } ? parse.GetValue(experts) : null,
                            GenAI = parse.GetValue(genai),
                            CopyWeights = parse.GetValue(copy),
                        },
                        parse.GetValue(json), cancellation);
            },
            CancellationToken.None));
        return command;
    }

    private const string Text = """
        Writes ONNX graphs for a forest's experts or a BTX model, checks their logits against a plain reference, and publishes
        the result only if they agree.

        Examples:
          btx export --forest demo/forest --out demo/served
          btx export --forest demo/forest --out demo/served16 --precision fp16
          btx export --forest demo/forest --out /tmp/two --experts medicine,code --genai --json report.json
          btx export --btx demo/btx --out demo/served-btx
          btx export --btx demo/btx --out demo/served-btx4 --precision int4
        """;

    private static int Run(ExportOptions options, string? json, CancellationToken cancellation)
    {
        var report = Watch(progress => ForestExporter.Export(options, progress, cancellation));
        foreach (var line in TextTable.Lines(["EXPERT", "DOMAIN", "WEIGHTS", "LARGEST RELATIVE DIFFERENCE"],
            report.Manifest.Experts.Select(e =>
                (string[])[e.Name, e.Domain, e.InSource ? "bound in place" : e.Path, $"{e.MaxRelativeDifference:0.00E+0}"]), figuresFrom: 3))
            Console.WriteLine(line);
        Console
            .WriteLine($"largest difference {report.MaxRelativeDifference:0.00E+0} (at most {report.Tolerance:0E+0} allowed); "
                + $"{report.Manifest.Graphs.Count} graphs, {report.Manifest.Precision}; {report.Seconds:F1} s");
        if (report.Note is { } note) Console.WriteLine($"note: {note}");
        Console.WriteLine($"served forest: {report.Directory}");
        if (json is not null) AtomicFile.Write(json, stream => JsonSerializer.Serialize(stream, report, ManifestJson.Options));
        return 0;
    }

    /// <summary>Shows the progress of an export.</summary>
    internal static T Watch<T>(Func<IProgress<ExportProgress>, T> export)
    {
        using var display = new ProgressDisplay();
        var item = display.Start("export", 0, null);
        return export(new DirectProgress<ExportProgress>(p => item.Report(p.Done, p.Doing, p.Total)));
    }
}
