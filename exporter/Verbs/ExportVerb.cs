using System.CommandLine;
using System.Text.Json;
using Btx.Exporter.Graphs;
using Btx.Exporter.Sources;
using Btx.Model;
using Btx.Model.Devices;
using Btx.Model.Files;
using Btx.Model.Forests;
using Spectre.Console;

namespace Btx.Exporter.Verbs;

/// <summary><c>btx export</c>: makes a served forest out of a forest, or a served BTX model out of a BTX model.</summary>
internal static class ExportVerb
{
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

    public static Command Create()
    {
        var forest = Option<string?>("--forest", "directory with forest.json");
        var btx = Option<string?>("--btx", "directory of a BTX model, or of any Mixtral model");
        var target = Option<string>("--out", "directory to make; an earlier export there is replaced whole, unless it was served");
        target.Required = true;
        var precision = Option<string>("--precision",
            "fp32 or fp16: weights and KV cache; int8 or int4 (--btx): the experts alone, the rest fp32");
        precision.DefaultValueFactory = _ => "fp32";
        var device = Option<string>("--device", "cpu or cuda[:n]: where the self-check runs");
        device.DefaultValueFactory = _ => "cpu";
        var threads = Option<int>("--threads", "threads of the self-check; 0 = all cores");
        threads.DefaultValueFactory = _ => 0;
        var experts = Option<string?>("--experts", "names, comma-separated; all that are not quarantined if left out");
        var genai = Option<bool>("--genai", "make each expert's weight directory loadable by ONNX Runtime GenAI too (copies weights)");
        var copy = Option<bool>("--copy-weights", "copy weights instead of binding the forest's own files");
        var form = Option<string?>("--form",
            "with --btx: gathered (k an input; the default) or moe-op (one fused operator and one graph per k; "
            + "the default with --device cuda)");
        var counts = Option<string?>("--experts-per-token",
            "with --form moe-op: the k to write graphs for, comma-separated; the router's own if left out");
        var json = Option<string?>("--json", "write the report to this file, or - for standard output");
        var command = new Command("export", Text) { forest, btx, target, precision, device, threads, experts, genai, copy, form, counts,
            json };
        threads.Validators.Add(r =>
        {
            if (r.GetValueOrDefault<int>() is < 0 or > 1024) r.AddError("--threads must be 0..1024");
        });
        command.Validators.Add(r =>
        {
            var (ofForest, ofBtx) = (r.GetResult(forest) is not null, r.GetResult(btx) is not null);
            if (ofForest == ofBtx) r.AddError("name one source: --forest DIR or --btx DIR");
            foreach (Option option in ofBtx ? (Option[])[experts, genai] : [form, counts])
                if (r.GetResult(option) is { Implicit: false })
                    r.AddError($"{option.Name} does not go with {(ofBtx ? "--btx" : "--forest")}");
        });
        command.SetAction((parse, cancellation) => Task.Run(() =>
        {
            T With<T>(T options) where T : ExportSettings => options with
            {
                Precision = GraphPrecisions.Parse(parse.GetValue(precision)!),
                Device = DeviceSpec.Parse(parse.GetValue(device)!),
                Threads = parse.GetValue(threads),
                CopyWeights = parse.GetValue(copy),
            };
            MoeExportOptions OfModel(string model) => With(new MoeExportOptions
            {
                Model = model,
                Out = parse.GetValue(target)!,
                Form = ParseForm(parse.GetValue(form)),
                ExpertsPerToken = ParseCounts(parse.GetValue(counts)),
            });
            ExportOptions OfForest() => With(new ExportOptions
            {
                Forest = parse.GetValue(forest)!,
                Out = parse.GetValue(target)!,
                Experts = parse.GetValue(experts)?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
                GenAI = parse.GetValue(genai),
            });
            object report = parse.GetValue(btx) is { } model ? Export(OfModel(model), cancellation) : Export(OfForest(), cancellation);
            if (parse.GetValue(json) is { } path)
                AtomicFile.Write(path, stream => JsonSerializer.Serialize(stream, report, ManifestJson.Options));
            return 0;
        }, CancellationToken.None));
        return command;
    }

    private static Option<T> Option<T>(string name, string description) => new(name) { Description = description };

    private static MoeForm? ParseForm(string? text) => text switch
    {
        null => null,
        "gathered" => MoeForm.Gathered,
        "moe-op" => MoeForm.Fused,
        _ => throw new BtxException($"--form {text}: unknown form; use gathered or moe-op"),
    };

    private static List<int>? ParseCounts(string? text) => text?.Split(',').Select(part => int.TryParse(part, out var k) ? k
        : throw new BtxException($"--experts-per-token {text}: expected whole numbers, as in 1,2")).ToList();

    private static ExportReport Export(ExportOptions options, CancellationToken cancellation)
    {
        var report = ExportDisplay.Watch(progress => ForestExporter.Export(options, progress, cancellation));
        var m = report.Manifest;
        var table = new Table().AddColumn("expert").AddColumn("domain").AddColumn("weights")
            .AddColumn(new TableColumn("largest relative difference").RightAligned());
        foreach (var e in m.Experts)
            table.AddRow(e.Name, e.Domain, e.InSource ? "bound in place" : e.Path, e.MaxRelativeDifference.ToString("0.00E+0"));
        AnsiConsole.Write(table);
        Console.WriteLine(Difference(report.MaxRelativeDifference, report.Tolerance, m.Graphs.Count, m.Precision, report.Seconds));
        if (report.Note is { } note) Console.WriteLine($"note: {note}");
        Console.WriteLine($"served forest: {report.Directory}");
        return report;
    }

    private static MoeExportReport Export(MoeExportOptions options, CancellationToken cancellation)
    {
        var report = ExportDisplay.Watch(progress => MoeExporter.Export(options, progress, cancellation));
        var m = report.Manifest;
        Console.WriteLine(
            $"experts: {string.Join(", ", m.Experts.Select(e => e.Name))}; router {m.Router.Kind}, k = {m.Router.ExpertsPerToken}; "
            + $"weights {(m.Weights[0].InSource ? "bound in place" : m.Weights[0].Path)}");
        Console.WriteLine(Difference(m.MaxRelativeDifference, report.Tolerance, m.Graphs.Count, m.Precision, report.Seconds));
        if (m.Precision != "fp32")
            Console.WriteLine($"cost of {m.Precision} on a passage of English: {m.QuantisationLoss:0.00E+0} nats a token (KL divergence "
                + $"from the stored weights), {report.BitsPerByteLoss:+0.0000;-0.0000} bits per byte");
        Console.WriteLine($"served BTX model: {report.Directory}");
        return report;
    }

    private static string Difference(double largest, double tolerance, int graphs, string precision, double seconds) =>
        $"largest difference {largest:0.00E+0} (at most {tolerance:0E+0} allowed); {graphs} graphs, {precision}; {seconds:F1} s";
}
