using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Btx.Trainer.Runs;

/// <summary>Mean and range of several evaluations as Markdown tables.</summary>
internal sealed class ReproductionTables
{
    private const string Mean = "mean";
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };
    private readonly List<JsonObject> runs = [];
    private readonly int files;
    private readonly string[] domains, columns, modes;

    /// <param name="reports">Evaluations; one with a prefix belongs to the run before it, and its rows bear the prefix.</param>
    public ReproductionTables(IEnumerable<(string Prefix, string File)> reports)
    {
        foreach (var (prefix, file) in reports)
        {
            files++;
            var report = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
            if (prefix.Length == 0) runs.Add(report);
            else foreach (var (into, rows) in Rows(runs[^1]).Zip(Rows(report)))
                foreach (var (mode, value) in rows) into[prefix + mode] = value!.DeepClone();
        }

        domains = [.. runs[0]["bits_per_byte"]!.AsObject().Select(d => d.Key)];
        columns = [.. domains, Mean];
        modes = [.. runs[0]["bits_per_byte"]![domains[0]]!.AsObject().Select(m => m.Key)
            .Where(m => !Regex.IsMatch(m, "^([a-z]+:)?expert:"))];
    }

    /// <summary>The tables as lines.</summary>
    /// <param name="json">File for the figures of the tables and of every run, or null.</param>
    public IEnumerable<string> Lines(string? json)
    {
        List<string> lines = ["", $"| model | {string.Join(" | ", columns)} | range of the mean | tokens | FLOPs | active |",
            $"|---|{string.Concat(Enumerable.Repeat("---|", columns.Length + 4))}"];
        JsonObject table = [], margins = [];
        foreach (var mode in modes)
        {
            var by = columns.ToDictionary(c => c, c => Spread.Of(runs.Select(r => Bits(r, c, mode))));
            table[mode] = Json(by);
            var cost = runs[0]["compute"]![mode]!;
            var active = cost["active_parameters"]?.GetValue<double>() is { } a and > 0 ? Count(a) : "varies";
            var flops = runs.Average(r => r["compute"]![mode]!["flops"]!.GetValue<double>());
            lines.Add($"| {mode} | {string.Join(" | ", columns.Select(c => $"{by[c].Mean:F3}"))} | {by[Mean].Range} "
                + $"| {Count(cost["tokens"]!.GetValue<double>())} | {flops:0.00e+0} | {active} |");
        }

        // BTX against a rival, run by run and domain by domain: positive means that BTX is better.
        foreach (var btx in modes.Intersect(["moe", "shared:moe"]))
        {
            lines.AddRange(["", $"| margin of {btx} over | {string.Join(" | ", columns)} | better in |",
                $"|---|{string.Concat(Enumerable.Repeat("---|", columns.Length + 1))}"]);
            JsonObject rivals = [];
            var others = btx == "moe" ? "moe:|^btx|^shared:" : "moe:|^btx"; // kinds of BTX, and what is of the other forest
            foreach (var rival in modes.Where(m => m != btx && runs[0]["compute"]![m] is not null && !Regex.IsMatch(m, others)))
            {
                var by = columns.ToDictionary(c => c, c => Spread.Of(runs.Select(r => Bits(r, c, rival) - Bits(r, c, btx))));
                var better = runs.Sum(r => domains.Count(d => Bits(r, d, rival) > Bits(r, d, btx)));
                lines.Add($"| {rival} | {string.Join(" | ", columns.Select(c => $"{by[c].Mean:F3} ({by[c].Range})"))} "
                    + $"| {better} of {runs.Count * domains.Length} |");
                rivals[rival] = Json(by);
            }

            margins[btx] = rivals;
        }

        if (json is not null)
            AtomicFile.WriteText(json, new JsonObject
            {
                ["runs"] = files,
                ["bits_per_byte"] = table,
                ["margins"] = margins,
                ["evaluations"] = new JsonArray([.. runs.Select(r => r.DeepClone())]),
            }.ToJsonString(Indented) + "\n");
        return lines;
    }

    // What a report has by mode: of each domain, of their mean, and what each mode cost.
    private static IEnumerable<JsonObject> Rows(JsonObject report) => report["bits_per_byte"]!.AsObject().Select(d => d.Value!)
        .Append(report["mean"]!["bits_per_byte"]!["train"]!).Append(report["compute"]!).Select(n => n.AsObject());

    private static double Bits(JsonObject run, string column, string mode) =>
        (column == Mean ? run["mean"]!["bits_per_byte"]!["train"]! : run["bits_per_byte"]![column]!)[mode]!.GetValue<double>();

    private static string Count(double n) =>
        n >= 1e6 ? $"{n / 1e6:F2} M" : $"{Math.Round(n / 1e3, MidpointRounding.AwayFromZero)} k";

    private static JsonObject Json(Dictionary<string, Spread> by) => new(by.Select(b => KeyValuePair.Create<string, JsonNode?>(b.Key,
        new JsonObject { ["mean"] = b.Value.Mean, ["min"] = b.Value.Smallest, ["max"] = b.Value.Largest })));

    private sealed record Spread(double Mean, double Smallest, double Largest)
    {
        public static Spread Of(IEnumerable<double> values)
        {
            double[] all = [.. values];
            return new(all.Average(), all.Min(), all.Max());
        }

        public string Range => $"{Smallest:F3}..{Largest:F3}";
    }
}
