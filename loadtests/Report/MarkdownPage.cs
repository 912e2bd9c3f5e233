using System.Text;
using Btx.Cli;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Report;

/// <summary>The report as Markdown: tables, and links to the pictures beside it.</summary>
public static class MarkdownPage
{
    /// <summary>Longer tables are cut here; the page has them whole.</summary>
    private const int MostRows = 40;

    public static string Of(ReportPage page)
    {
        var text = new StringBuilder();
        text.Append($"# {Escape(page.Title)}\n\n**{Escape(page.Headline.Answer)}**\n\n");
        List(text, page.Headline.Reasons);
        Table(text, page.Headline.Facts);
        if (page.Headline.Picture is { } picture) text.Append($"![{Escape(picture.Title)}]({RunDirectory.Charts}/{picture.Name}.svg)\n\n");
        Table(text, page.Headline.Loads);
        foreach (var section in page.Sections)
        {
            text.Append($"## {Escape(section.Title)}\n\n");
            List(text, section.Findings);
            foreach (var figure in section.Figures)
            {
                if (figure != page.Headline.Picture) text.Append($"![{Escape(figure.Title)}]({RunDirectory.Charts}/{figure.Name}.svg)\n\n");
                Table(text, figure.Table);
            }

            foreach (var table in section.Tables) Table(text, table);
            List(text, [.. section.Missing.Select(m => "Missing: " + m)]);
        }

        return text.ToString();
    }

    /// <summary>Text that Markdown shows as it is, on one line; code between back quotes stays code.</summary>
    public static string Escape(string text)
    {
        var escaped = new StringBuilder(text.Length);
        var quoted = text.Count(c => c == '`') % 2 == 0;
        var code = false;
        foreach (var c in text.ReplaceLineEndings(" "))
        {
            if (c == '`' && quoted) code = !code;
            escaped.Append(c switch
            {
                '|' => "\\|",
                '`' when quoted => "`",
                _ when code => c.ToString(),
                '<' => "&lt;",
                '>' => "&gt;",
                '&' => "&amp;",
                '\\' or '*' or '_' or '[' or ']' or '#' or '~' or '`' => $"\\{c}",
                _ => c.ToString(),
            });
        }

        return escaped.ToString();
    }

    private static void List(StringBuilder text, IReadOnlyList<string> items)
    {
        foreach (var item in items) text.Append($"- {Escape(item)}\n");
        if (items.Count > 0) text.Append('\n');
    }

    private static void Table(StringBuilder text, ReportTable table)
    {
        if (table.Rows.Count == 0) return;
        text.Append($"| {string.Join(" | ", table.Head.Select(Escape))} "
            + $"|\n|{string.Concat(table.Head.Select((_, i) => i == 0 ? "---|" : "---:|"))}\n");
        foreach (var row in table.Rows.Take(MostRows)) text.Append($"| {string.Join(" | ", row.Select(Escape))} |\n");
        text.Append('\n');
        if (table.Rows.Count > MostRows)
            text.Append($"{Quantity.Count(table.Rows.Count - MostRows)} more rows are in {RunDirectory.Page}.\n\n");
    }
}
