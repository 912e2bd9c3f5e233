using Spectre.Console;

namespace Btx.Trainer.Evaluation;

/// <summary>The tables on the terminal: a row for each mode, a column for each domain and mean; the best of each is starred.</summary>
public static class EvaluationTable
{
    private const int Width = 120;

    public static void Write(EvaluationReport report, IAnsiConsole console)
    {
        console.Profile.Width = Math.Max(console.Profile.Width, 2 * Width); // a table that wraps cannot be read
        Tables(report, console, "bits per byte", (d, m) => d.BitsPerByte(m), report.MeanBitsPerByte, "F3");
        Tables(report, console, "perplexity per token", (d, m) => d.Perplexity(m), report.MeanPerplexity, "F2");
        RightExpert(report, console);
        Training(report, console);
        foreach (var line in Notes(report)) console.WriteLine(line);
    }

    /// <summary>What the figures mean and rest on.</summary>
    private static IEnumerable<string> Notes(EvaluationReport r)
    {
        yield return "* best of its column; lower is better";
        yield return $"{r.Options.Split.ToString().ToLowerInvariant()} split, sequences of up to {r.Context} tokens of one document after "
            + $"BOS; {string.Join(", ", r.Domains.Select(d => $"{d.Name} {d.Tokens:N0} tokens"))}";
        yield return r.Options.Select == Model.Mixing.SelectForm.PerToken
            ? "top_k and top_p choose again for each token (per_token); the posterior starts from a uniform prior"
            : $"top_k and top_p choose once, from the first {new Model.Mixing.Routing().SelectTokens} tokens (prompt); the posterior "
                + "starts from a uniform prior";
        if (r.Modes.Any(m => m.Contains(":probe=", StringComparison.Ordinal)))
            yield return "top_K:probe=N: the ensemble predicts a sequence's first N tokens, BOS included, which choose the experts";
        if (r.Modes.Any(KnowsDomain))
            yield return $"{string.Join(", ", r.Modes.Where(KnowsDomain))}: told the target domain, by its cached prior";
        if (r.Modes.Any(m => m == EvaluationMode.Moe || m.StartsWith("moe:", StringComparison.Ordinal)))
            yield return "moe: the BTX model, routed for each token, with its own number of experts per token or k";
        foreach (var line in r.Budget.Lines()) yield return line;
    }

    private static void RightExpert(EvaluationReport r, IAnsiConsole console)
    {
        EvaluatedDomain[] domains = [.. r.Domains.Where(d => d.RightExpert.Count > 0)];
        if (domains.Length == 0) return;
        var table = new Table { Border = TableBorder.Simple }.AddColumn("own expert chosen, %");
        foreach (var name in domains.Select(d => d.Name).Append("mean"))
            table.AddColumn(new TableColumn(Markup.Escape(name)).RightAligned());
        foreach (var mode in r.Modes.Where(m => domains.Any(d => d.RightExpert.ContainsKey(m))))
        {
            double?[] shares = [.. domains.Select(d => d.RightExpert.TryGetValue(mode, out var share) ? share : (double?)null)];
            table.AddRow([Markup.Escape(mode), .. shares.Append(shares.Average()).Select(s => s is { } x ? $"{100 * x:F1}" : "-")]);
        }

        console.Write(table);
        console.WriteLine("own expert chosen: of the sequences that are longer than the probe, those whose domain's expert it chose");
    }

    private static bool KnowsDomain(string mode) => mode is "ensemble:fixed" or "average:posterior" or "average:argmax";

    private static void Tables(EvaluationReport r, IAnsiConsole console, string title, Func<EvaluatedDomain, string, double> value,
        Func<string, CorpusRole, double?> mean, string format)
    {
        var columns = new List<(string Name, string[] Cells, int Width)>();
        foreach (var role in new[] { CorpusRole.Train, CorpusRole.Eval })
        {
            EvaluatedDomain[] domains = [.. r.Domains.Where(d => d.Role == role)];
            columns.AddRange(domains.Select(d => Column(d.Name, m => value(d, m))));
            if (domains.Length > 1) columns.Add(Column(role == CorpusRole.Train ? "mean" : "mean (eval only)", m => mean(m, role)!.Value));
        }

        var left = Math.Max(title.Length, r.Modes.Max(m => m.Length)) + 4;
        while (columns.Count > 0)
        {
            var (count, width) = (0, left);
            while (count < columns.Count && (count == 0 || width + columns[count].Width <= Width)) width += columns[count++].Width;
            var table = new Table { Border = TableBorder.Simple }.AddColumn(title);
            foreach (var (name, _, _) in columns[..count]) table.AddColumn(new TableColumn(Markup.Escape(name)).RightAligned());
            for (var m = 0; m < r.Modes.Count; m++)
                table.AddRow([Markup.Escape(r.Modes[m]), .. columns[..count].Select(c => c.Cells[m])]);
            console.Write(table);
            columns.RemoveRange(0, count);
        }

        (string, string[], int) Column(string name, Func<string, double> figure)
        {
            string[] figures = [.. r.Modes.Select(m => figure(m).ToString(format))];
            var best = figures.Min(double.Parse); // modes that print alike are starred alike
            return (name, [.. figures.Select(f => double.Parse(f) <= best ? $"[green bold]{f} *[/]" : $"{f}  ")],
                Math.Max(name.Length, figures.Max(f => f.Length) + 2) + 3);
        }
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
}
