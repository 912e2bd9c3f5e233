using System.CommandLine;
using System.Text.Json;
using Btx.Exporter.Graphs;
using Btx.Model.Devices;
using Btx.Model.Files;
using Btx.Model.Forests;
using Spectre.Console;

namespace Btx.Exporter.Verbs;

/// <summary><c>btx export</c>: makes a served forest out of a forest, or a served BTX model out of a BTX model.</summary>
internal static class ExportVerb
{
    public static Command Create()
    {
        var forest = new Option<string?>("--forest") { Description = "directory with forest.json" };
        var btx = new Option<string?>("--btx") { Description = "directory of a BTX model, or of any Mixtral model" };
        var target = new Option<string>("--out")
        {
            Description = "directory to make; an earlier export there is replaced whole, unless it was served",
            Required = true
        };
        var precision = new Option<string>("--precision")
        {
            Description = "fp32 or fp16: weights and KV cache; int8 or int4 (--btx): the experts alone, the rest fp32",
            DefaultValueFactory = _ => "fp32"
        };
        var device = new Option<string>("--device")
        {
            Description = "cpu or cuda[:n]: where the self-check runs",
            DefaultValueFactory = _ => "cpu"
        };
        var threads = new Option<int>("--threads")
        {
            Description = "threads of the self-check; 0 = all cores",
            DefaultValueFactory = _ => 0
        };
        var experts = new Option<string?>("--experts") { Description = "names, comma-separated; all that are not quarantined if left out" };
        var genai = new Option<bool>("--genai")
        {
            Description = "make each expert's weight directory loadable by ONNX Runtime GenAI too (copies weights)"
        };
        var copy = new Option<bool>("--copy-weights") { Description = "copy weights instead of binding the forest's own files" };
        var form = new Option<string?>("--form")
        {
            Description =
            "with --btx: gathered (k an input; the default) or moe-op (one fused operator and one "
            + "graph per k; the default with --device cuda)"
        };
        var counts = new Option<string?>("--experts-per-token")
        {
            Description = "with --form moe-op: the k to write graphs for, comma-separated; the router's own if left out"
        };
        var json = new Option<string?>("--json") { Description = "write the report to this file, or - for standard output" };
        var command = new Command("export", Text) { forest, btx, target, precision, device, threads, experts, genai, copy, form,
            counts, json };
        threads.Validators.Add(r =>
        {
            if (r.GetValueOrDefault<int>() is < 0 or > 1024) r.AddError("--threads must be 0..1024");
        });
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
                            Experts = parse.GetValue(experts)?.Split(',',
                                StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
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
        var report = ExportDisplay.Watch(progress => ForestExporter.Export(options, progress, cancellation));
        var table = new Table().AddColumn("expert").AddColumn("domain").AddColumn("weights")
            .AddColumn(new TableColumn("largest relative difference").RightAligned());
        foreach (var e in report.Manifest.Experts)
            table.AddRow(e.Name, e.Domain, e.InSource ? "bound in place" : e.Path, e.MaxRelativeDifference.ToString("0.00E+0"));
        AnsiConsole.Write(table);
        Console
            .WriteLine($"largest difference {report.MaxRelativeDifference:0.00E+0} (at most {report.Tolerance:0E+0} allowed); "
                + $"{report.Manifest.Graphs.Count} graphs, {report.Manifest.Precision}; {report.Seconds:F1} s");
        if (report.Note is { } note) Console.WriteLine($"note: {note}");
        Console.WriteLine($"served forest: {report.Directory}");
        if (json is not null) AtomicFile.Write(json, stream => JsonSerializer.Serialize(stream, report, ManifestJson.Options));
        return 0;
    }
}
