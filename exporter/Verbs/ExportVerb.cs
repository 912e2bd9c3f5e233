using System.CommandLine;
using System.Text.Json;
using Btx.Cli;
using Btx.Model.Devices;
using Btx.Model.Files;
using Btx.Model.Forests;

namespace Btx.Exporter;

/// <summary><c>btx export</c>: makes a served forest out of a forest, or a served BTX model out of a BTX model.</summary>
internal static class ExportVerb
{
    private const string Text = """
        Writes ONNX graphs for a forest's experts or a BTX model, checks their logits against a plain reference, and publishes
        the result only if they agree.

        Examples:
          btx export --forest demo/forest --out demo/served
          btx export --forest demo/forest --out demo/served8 --precision int8
          btx export --forest demo/forest --out /tmp/two --experts medicine,code --genai --json report.json
          btx export --btx demo/btx --out demo/served-btx
          btx export --btx demo/btx --out demo/served-btx4 --precision int4
        """;

    public static Command Create()
    {
        var forest = new Flag<string?>("--forest DIR", "directory with forest.json");
        var btx = new Flag<string?>("--btx DIR", "directory of a BTX model, or of any Mixtral model");
        var target = new Flag<string>("--out DIR", "directory to make; an earlier export there is replaced whole, unless it was served")
        { Required = true };
        var precision = new Flag<string>("--precision P",
            "fp32 or fp16: weights and KV cache; int8 or int4 (CPU): the weights of all products, or of a BTX model's experts", "fp32");
        var device = Flags.Device("where the self-check runs");
        var threads = Flags.Threads("threads of the self-check; 0: all cores", 0, least: 0);
        var experts = Flags.Names("--experts A,B", "only these, in this order (all that are not quarantined)");
        var genai = new Flag<bool>("--genai", "make each expert's weight directory loadable by ONNX Runtime GenAI too (copies weights)");
        var copy = new Flag<bool>("--copy-weights", "copy weights instead of binding the forest's own files");
        var form = new Choice("--form", ["gathered", "moe-op"],
            "with --btx: gathered (k an input; the default) or moe-op (one fused operator and one graph per k; the default on CUDA)");
        var counts = new Flag<string?>("--experts-per-token K,K", "with --form moe-op: write graphs for these k (the router's own)");
        var json = new JsonFlag();
        var command = new Command("export", Text)
        {
            forest, btx, target, precision, device, threads, experts, genai, copy, form, counts, json,
        };
        command.Validators.Add(r =>
        {
            var (ofForest, ofBtx) = (r.GetResult(forest) is not null, r.GetResult(btx) is not null);
            if (ofForest == ofBtx) r.AddError("name one source: --forest DIR or --btx DIR");
            foreach (Option option in ofBtx ? (Option[])[experts, genai] : [form, counts])
                if (r.GetResult(option) is { Implicit: false })
                    r.AddError($"{option.Name} does not go with {(ofBtx ? "--btx" : "--forest")}");
        });
        command.SetAction((parsed, cancellation) => Task.Run(() =>
        {
            using var display = new ProgressDisplay();
            var item = display.Start("export", 0, null);
            var progress = new DirectProgress<ExportProgress>(p => item.Report(p.Done, p.Doing, p.Total));
            var (how, where) = (GraphPrecisions.Parse(parsed.GetValue(precision)!), DeviceSpec.Parse(parsed.GetValue(device)!));
            if (parsed.GetValue(btx) is { } model)
                Say(MoeExporter.Export(new MoeExportOptions
                {
                    Model = model,
                    Out = parsed.GetValue(target)!,
                    Precision = how,
                    Device = where,
                    Threads = parsed.GetValue(threads),
                    Form = parsed.GetValue(form) switch { "gathered" => MoeForm.Gathered, "moe-op" => MoeForm.Fused, _ => null },
                    ExpertsPerToken = Counts(parsed.GetValue(counts)),
                    CopyWeights = parsed.GetValue(copy),
                }, progress, cancellation), MoeLines);
            else
                Say(ForestExporter.Export(new ExportOptions
                {
                    Forest = parsed.GetValue(forest)!,
                    Out = parsed.GetValue(target)!,
                    Precision = how,
                    Device = where,
                    Threads = parsed.GetValue(threads),
                    Experts = parsed.GetResult(experts) is { Implicit: false } ? parsed.GetValue(experts) : null,
                    GenAI = parsed.GetValue(genai),
                    CopyWeights = parsed.GetValue(copy),
                }, progress, cancellation), Lines);

            void Say<T>(T report, Func<T, IEnumerable<string>> lines)
            {
                item.Finish();
                foreach (var line in lines(report)) display.WriteLine(line);
                if (parsed.GetValue(json) is { } file)
                    AtomicFile.Write(file, stream => JsonSerializer.Serialize(stream, report, ManifestJson.Options));
            }
        }, CancellationToken.None));
        return command;
    }

    private static List<int>? Counts(string? text) => text?.Split(',').Select(part => int.TryParse(part, out var k) ? k
        : throw new BtxException($"--experts-per-token {text}: expected whole numbers, as in 1,2")).ToList();

    private static IEnumerable<string> Lines(ExportReport report)
    {
        foreach (var line in TextTable.Lines(["EXPERT", "DOMAIN", "WEIGHTS", "LARGEST RELATIVE DIFFERENCE"],
            report.Manifest.Experts.Select(e => (string[])
                [e.Name, e.Domain, e.InSource ? "bound in place" : e.Path, $"{e.MaxRelativeDifference:0.00E+0}"]), figuresFrom: 3))
            yield return line;
        yield return $"largest difference {report.MaxRelativeDifference:0.00E+0} (at most {report.Tolerance:0E+0} allowed); "
            + $"{report.Manifest.Graphs.Count} graphs, {report.Manifest.Precision}; {report.Seconds:F1} s";
        if (report.Manifest.Experts.Max(e => e.QuantisationLoss) is > 0 and var loss)
            yield return $"cost of {report.Manifest.Precision} on a passage of English: at most {loss:0.00E+0} nats a token (KL divergence "
                + "from the stored weights)";
        if (report.Note is { } note) yield return $"note: {note}";
        yield return $"served forest: {report.Directory}";
    }

    private static IEnumerable<string> MoeLines(MoeExportReport report)
    {
        var m = report.Manifest;
        yield return $"experts: {string.Join(", ", m.Experts.Select(e => e.Name))}; router {m.Router.Kind}, "
            + $"k = {m.Router.ExpertsPerToken}; weights {(m.Weights[0].InSource ? "bound in place" : m.Weights[0].Path)}";
        yield return $"largest difference {m.MaxRelativeDifference:0.00E+0} (at most {report.Tolerance:0E+0} allowed); "
            + $"{m.Graphs.Count} graphs, {m.Precision}; {report.Seconds:F1} s";
        if (m.Precision != "fp32")
            yield return $"cost of {m.Precision} on a passage of English: {m.QuantisationLoss:0.00E+0} nats a token (KL divergence from "
                + $"the stored weights), {report.BitsPerByteLoss:+0.0000;-0.0000} bits per byte";
        yield return $"served BTX model: {report.Directory}";
    }
}
