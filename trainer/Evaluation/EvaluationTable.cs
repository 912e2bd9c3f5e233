using Btx.Trainer.Corpora;
using Spectre.Console;

namespace Btx.Trainer.Evaluation;

/// <summary>The tables on the terminal: a row for each mode, a column for each domain and the mean; the best of each
/// column is starred; 120 columns at most.</summary>
public static class EvaluationTable
{
    private const int Width = 120;

    public static void Write(EvaluationReport report, IAnsiConsole console)
    {
        console.Profile.Width = Math.Max(console.Profile.Width, 2 * Width); // a table that wraps cannot be read
        Tables(report, console, "bits per byte", (d, m) => d.BitsPerByte(m), report.MeanBitsPerByte, "F3");
        Tables(report, console, "perplexity per token", (d, m) => d.Perplexity(m), report.MeanPerplexity, "F2");
        Training(report, console);
        foreach (var line in Notes(report)) console.WriteLine(line);
    }

    /// <summary>What the figures mean and rest on.</summary>
    public static IEnumerable<string> Notes(EvaluationReport r)
    {
        yield return "* best of its column; lower is better";
        yield return $"{r.Options.Split.ToString().ToLowerInvariant()} split, sequences of up to {r.Context} tokens of one document after "
            + $"BOS; {string.Join(", ", r.Domains.Select(d => $"{d.Name} {d.Tokens:N0} tokens"))}";
        yield return r.Options.Select == Model.Mixing.SelectForm.PerToken
            ? "top_k and top_p choose anew for each token (per_token); the posterior starts from a uniform prior"
            : $"top_k and top_p choose once, from the first {new Model.Mixing.Routing().SelectTokens} tokens (prompt); the posterior "
                + "starts from a uniform prior";
        if (r.Modes.Any(KnowsDomain))
            yield return $"{string.Join(", ", r.Modes.Where(KnowsDomain))}: told the target domain, by its cached prior";
        if (r.Modes.Any(m => m == EvaluationMode.Moe || m.StartsWith("moe:", StringComparison.Ordinal)))
            yield return "moe: the BTX model, routed for each token, with its own number of experts per token or k";
        foreach (var line in r.Budget.Lines()) yield return line;
    }

    private static bool KnowsDomain(string mode) => mode is "ensemble:fixed" or "average:posterior" or "average:argmax";

    private static void Tables(EvaluationReport r, IAnsiConsole console, string title, Func<EvaluatedDomain, string, double> value,
        Func<string, CorpusRole, double?> mean, string format)
    {
        var columns = new List<(string Name, Func<string, double?> Value)>();
        foreach (var role in new[] { CorpusRole.Train, CorpusRole.Eval })
        {
            var domains = r.Domains.Where(d => d.Role == role).ToArray();
            columns.AddRange(domains.Select(d => (d.Name, (Func<string, double?>)(m => value(d, m)))));
            if (domains.Length > 1) columns.Add((role == CorpusRole.Train ? "mean" : "mean (eval only)", m => mean(m, role)));
        }

        var left = Math.Max(title.Length, r.Modes.Max(m => m.Length)) + 4;
        while (columns.Count > 0)
        {
            var (count, width) = (0, left);
            while (count < columns.Count && (count == 0 || width + ColumnWidth(columns[count]) <= Width))
                width += ColumnWidth(columns[count++]);
            console.Write(Table(r, title, [.. columns[..count]], format));
            columns.RemoveRange(0, count);
        }

        int ColumnWidth((string Name, Func<string, double?> Value) c) =>
            Math.Max(c.Name.Length, r.Modes.Max(m => c.Value(m)!.Value.ToString(format).Length) + 2) + 3;
    }

    // Rows that cost the same are one row.
    private static void Training(EvaluationReport r, IAnsiConsole console)
    {
        var table = new Table { Border = TableBorder.Simple }.AddColumn("training");
        foreach (var name in (string[])["tokens", "FLOPs", "active"]) table.AddColumn(new TableColumn(name).RightAligned());
        table.AddColumn("tokens by phase");
        foreach (var rows in r.Modes.GroupBy(m => r.Compute[m] is var c ? (c.Phases, c.Flops, c.ActiveParameters, c.Complete) : default))
        {
            var compute = r.Compute[rows.First()];
            string Known(string text) => compute.Complete ? text : compute.Tokens > 0 ? $"≥ {text}" : "?";
            table.AddRow(Markup.Escape(rows.Count() == 1 ? rows.First() : $"{rows.First()} (and {rows.Count() - 1} more)"),
                Known(compute.Tokens.ToString("N0")), Known(compute.Flops.ToString("0.00e+0")),
                compute.ActiveParameters?.ToString("N0") ?? "varies", Markup.Escape(compute.Phases));
        }

        console.Write(table);
        console.WriteLine("tokens and FLOPs: of all runs behind a row, rate sweeps left out; FLOPs = 6 × active parameters × tokens; "
            + "active: parameters that multiply for a token");
    }

    private static Table Table(EvaluationReport r, string title, (string Name, Func<string, double?> Value)[] columns, string format)
    {
        var table = new Table { Border = TableBorder.Simple }.AddColumn(title);
        foreach (var (name, _) in columns) table.AddColumn(new TableColumn(Markup.Escape(name)).RightAligned());
        var best = columns.Select(c => r.Modes.Min(m => Rounded(c.Value(m)!.Value, format))).ToArray();
        foreach (var mode in r.Modes)
        {
            var cells = columns.Select((c, i) =>
            {
                var text = c.Value(mode)!.Value.ToString(format);
                return Rounded(c.Value(mode)!.Value, format) <= best[i] ? $"[green bold]{text} *[/]" : $"{text}  ";
            });
            table.AddRow([Markup.Escape(mode), .. cells]);
        }

        return table;
    }

    // Modes that print alike are starred alike.
    private static double Rounded(double value, string format) => double.Parse(value.ToString(format));
}
