using System.Text.Json;
using Btx.Exporter.Moe;
using Btx.Model;
using Btx.Model.Files;
using Btx.Model.Forests;

namespace Btx.Exporter.Verbs;

/// <summary>What <c>btx export --btx</c> does.</summary>
internal static class MoeExport
{
    /// <exception cref="BtxException">No such form.</exception>
    public static MoeForm? ParseForm(string? text) => text switch
    {
        null => null,
        "gathered" => MoeForm.Gathered,
        "moe-op" => MoeForm.Fused,
        _ => throw new BtxException($"--form {text}: unknown form; use gathered or moe-op"),
    };

    /// <exception cref="BtxException">Not whole numbers.</exception>
    public static IReadOnlyList<int>? ParseCounts(string? text) => text?.Split(',').Select(part =>
        int.TryParse(part, out var k) ? k : throw new BtxException($"--experts-per-token {text}: expected whole numbers, as in 1,2"))
        .ToList();

    public static int Run(MoeExportOptions options, string? json, CancellationToken cancellation)
    {
        var report = ExportVerb.Watch(progress => MoeExporter.Export(options, progress, cancellation));
        var m = report.Manifest;
        Console
            .WriteLine($"experts: {string.Join(", ", m.Experts.Select(e => e.Name))}; router {m.Router.Kind}, k = "
                + $"{m.Router.ExpertsPerToken}; weights {(m.Weights[0].InSource ? "bound in place" : m.Weights[0].Path)}");
        Console
            .WriteLine($"largest difference {m.MaxRelativeDifference:0.00E+0} (at most {report.Tolerance:0E+0} allowed); "
                + $"{m.Graphs.Count} graphs, {m.Precision}; {report.Seconds:F1} s");
        if (m.Precision != "fp32")
            Console
                .WriteLine($"cost of {m.Precision} on a passage of English: {m.QuantisationLoss:0.00E+0} nats a token (KL divergence "
                    + $"from the stored weights), {report.BitsPerByteLoss:+0.0000;-0.0000} bits per byte");
        Console.WriteLine($"served BTX model: {report.Directory}");
        if (json is not null) AtomicFile.Write(json, stream => JsonSerializer.Serialize(stream, report, ManifestJson.Options));
        return 0;
    }
}
