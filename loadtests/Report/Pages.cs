using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using Btx.Cli.Charts;
using Markdig;

namespace Btx.LoadTests.Report;

/// <summary>The report as Markdown: tables, and links to the pictures beside it.</summary>
public static class MarkdownPage
{
    public static string Of(ReportPage page, int mostRows = 40)
    {
        var text = new StringBuilder();
        var shown = page.Headline.Picture;
        text.Append($"# {Escape(page.Title)}\n\n**{Escape(page.Headline.Answer)}**\n\n");
        List(page.Headline.Reasons);
        Table(page.Headline.Facts);
        if (shown is not null) text.Append($"![{Escape(shown.Title)}]({RunDirectory.Charts}/{shown.Name}.svg)\n\n");
        Details("what to run at each load", page.Headline.Loads);
        text.AppendJoin(" · ", page.Sections.Select(s => $"[{Escape(s.Title)}](#{Anchor(s)})")).Append("\n\n");
        foreach (var section in page.Sections)
        {
            text.Append($"## {Escape(section.Title)}\n\n");
            foreach (var missing in section.Missing) text.Append($"> Missing: {Escape(missing)}\n\n");
            List(section.Findings);
            foreach (var figure in section.Figures)
            {
                if (figure != shown) text.Append($"![{Escape(figure.Title)}]({RunDirectory.Charts}/{figure.Name}.svg)\n\n");
                Details(figure == shown ? $"{figure.Title}: the figures behind the picture above" : "the figures behind it", figure.Table);
            }

            foreach (var table in section.Tables) Table(table);
        }

        return text.ToString();

        void List(IReadOnlyList<string> items)
        {
            foreach (var item in items) text.Append($"- {Escape(item)}\n");
            if (items.Count > 0) text.Append('\n');
        }

        void Details(string summary, ReportTable table)
        {
            if (table.Rows.Count == 0) return;
            text.Append($"<details><summary>{XmlText.Escape(summary)}</summary>\n\n");
            Table(table);
            text.Append("</details>\n\n");
        }

        void Table(ReportTable table)
        {
            if (table.Rows.Count == 0) return;
            text.Append($"| {string.Join(" | ", table.Head.Select(Escape))} |\n|");
            for (var i = 0; i < table.Head.Count; i++)
                text.Append(i == 0 || (i == table.Head.Count - 1 && table.Head[i].Length == 0) ? "---|" : "---:|");
            text.Append('\n');
            foreach (var row in table.Rows.Take(mostRows)) text.Append($"| {string.Join(" | ", row.Select(Escape))} |\n");
            text.Append('\n');
            if (table.Rows.Count > mostRows)
                text.Append($"{Quantity.Count(table.Rows.Count - mostRows)} more rows are in {RunDirectory.Page}.\n\n");
        }
    }

    /// <summary>Text that Markdown shows as it is, on one line; code between back quotes stays code.</summary>
    public static string Escape(string text)
    {
        var quoted = text.Count(c => c == '`') % 2 == 0;
        var code = false;
        return string.Concat(XmlText.Clean(text.ReplaceLineEndings(" ")).Select(c =>
        {
            if (c == '`' && quoted) code = !code;
            return c switch
            {
                '|' => "\\|",
                '`' when quoted => "`",
                _ when code => c.ToString(),
                '<' or '>' or '&' => XmlText.Escape($"{c}"),
                '\\' or '*' or '_' or '[' or ']' or '#' or '~' or '`' => $"\\{c}",
                _ => c.ToString(),
            };
        }));
    }

    /// <summary>The anchor that a heading gets: words in lower case with hyphens.</summary>
    private static string Anchor(Section section) =>
        string.Concat(section.Title.ToLowerInvariant().Where(c => char.IsLetterOrDigit(c) || c is ' ' or '-')).Replace(' ', '-');
}

/// <summary>The report as one HTML file, made of its Markdown: pictures inline, no script, no font, no link to anything outside.</summary>
public static partial class HtmlPage
{
    private static readonly MarkdownPipeline Pipeline = new MarkdownPipelineBuilder().UsePipeTables()
        .UseAutoIdentifiers(Markdig.Extensions.AutoIdentifiers.AutoIdentifierOptions.GitHub).Build();

    public static string Of(ReportPage page)
    {
        var pictures = page.Figures.ToDictionary(f => f.Name, f => f.Svg);
        var body = Picture().Replace(Markdown.ToHtml(MarkdownPage.Of(page, int.MaxValue), Pipeline),
            picture => $"<figure>\n{pictures[picture.Groups[1].Value]}</figure>");
        using var style = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream("report.css")!);
        return $"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" "
            + $"content=\"width=device-width,initial-scale=1\"/>\n<title>{XmlText.Escape(page.Title)}</title>\n"
            + $"<style>\n{style.ReadToEnd()}</style>\n"
            + $"</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n";
    }

    [GeneratedRegex($"<p><img src=\"{RunDirectory.Charts}/([a-z0-9-]+)\\.svg\"[^>]*></p>")]
    private static partial Regex Picture();
}
