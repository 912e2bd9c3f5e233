using System.CommandLine;
using System.Text.Json;
using Btx.Cli;
using Btx.Exporter.Graphs;
using Btx.Exporter.Sources;
using Btx.Model;
using Btx.Model.Devices;
using Btx.Model.Files;
using Btx.Model.Forests;

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
        var forest = new Flag<string?>("--forest DIR", "directory with forest.json");
        var btx = new Flag<string?>("--btx DIR", "directory of a BTX model, or of any Mixtral model");
        var target = new Flag<string>("--out DIR", "directory to make; an earlier export there is replaced whole, unless it was served")
        {
            Required = true,
        };
        var precision = new Flag<string>("--precision P",
            "fp32 or fp16: weights and KV cache; int8 or int4 (--btx): the experts alone, the rest fp32", "fp32");
        var device = Flags.Device("where the self-check runs");
        var threads = Flags.Threads("threads of the self-check; 0: all cores", 0, least: 0);
        var experts = Flags.Names("--experts A,B", "only these, in this order (all that are not quarantined)");
        var genai = new Flag<bool>("--genai", "make each expert's weight directory loadable by ONNX Runtime GenAI too (copies weights)");
        var copy = new Flag<bool>("--copy-weights", "copy weights instead of binding the forest's own files");
        var form = new Choice("--form", ["gathered", "moe-op"],
            "with --btx: gathered (k an input; the default) or moe-op (one fused operator and one graph per k; the default on CUDA)");
        var counts = new Flag<string?>("--experts-per-token K,K", "with --form moe-op: write graphs for these k (the router's own)");
        var json = new JsonFlag();
        var command = new Command("export", Text) { forest, btx, target, precision, device, threads, experts, genai, copy, form, counts,
            json };
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
                Experts = parse.GetResult(experts) is { Implicit: false } ? parse.GetValue(experts) : null,
                GenAI = parse.GetValue(genai),
            });
            object report = parse.GetValue(btx) is { } model ? Export(OfModel(model), cancellation) : Export(OfForest(), cancellation);
            if (parse.GetValue(json) is { } path)
                AtomicFile.Write(path, stream => JsonSerializer.Serialize(stream, report, ManifestJson.Options));
            return 0;
        }, CancellationToken.None));
        return command;
    }

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
        var report = Watch(progress => ForestExporter.Export(options, progress, cancellation));
        var m = report.Manifest;
        var rows = m.Experts.Select(e => new[] { e.Name, e.Domain, e.InSource ? "bound in place" : e.Path, $"{e.MaxRelativeDifference:0.00E+0}" });
        foreach (var line in TextTable.Lines(["EXPERT", "DOMAIN", "WEIGHTS", "LARGEST RELATIVE DIFFERENCE"], rows, figuresFrom: 3))
            Console.WriteLine(line);
        Console.WriteLine(Difference(report.MaxRelativeDifference, report.Tolerance, m.Graphs.Count, m.Precision, report.Seconds));
        if (report.Note is { } note) Console.WriteLine($"note: {note}");
        Console.WriteLine($"served forest: {report.Directory}");
        return report;
    }

    private static MoeExportReport Export(MoeExportOptions options, CancellationToken cancellation)
    {
        var report = Watch(progress => MoeExporter.Export(options, progress, cancellation));
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

    private static T Watch<T>(Func<IProgress<ExportProgress>, T> export)
    {
        using var display = new ProgressDisplay();
        var item = display.Start("export", 0, null);
        return export(new DirectProgress<ExportProgress>(p => item.Report(p.Done, p.Doing, p.Total)));
    }
}
