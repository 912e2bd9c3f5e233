using System.Text;
using Btx.Cli.Charts;

namespace Btx.LoadTests.Report;

/// <summary>The report as one HTML file: pictures inline, no script, no font, no link to anything outside.</summary>
public static class HtmlPage
{
    private const string Style =
        """
        :root{color-scheme:light dark;--ground:#f5f6f8;--paper:#fff;--ink:#1f2733;--muted:#566170;--rule:#dfe4ea;--accent:#0069a6;--warn:#8f4a00;--warnground:#fff4e5}
        @media (prefers-color-scheme:dark){:root{--ground:#0e1115;--paper:#15191f;--ink:#e7eaef;--muted:#a6b0bc;--rule:#2d3540;--accent:#5bb5ef;--warn:#ffc078;--warnground:#2b2115}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 Inter,'Segoe UI','Helvetica Neue',Arial,sans-serif}
        main{max-width:1440px;margin:0 auto;padding:20px 16px 60px}
        h1{font-size:17px;font-weight:500;color:var(--muted);margin:0 0 6px}
        h2{font-size:21px;margin:44px 0 10px;padding-top:8px;border-top:1px solid var(--rule)}
        a{color:var(--accent)}
        nav{font-size:14px;margin:10px 0 18px;display:flex;flex-wrap:wrap;gap:2px 14px}
        .answer{font-size:25px;line-height:1.3;font-weight:600;margin:0 0 12px;max-width:62ch}
        .loads{padding:0 0 8px}
        .first{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,500px),1fr));gap:16px 28px;align-items:start}
        .first>*{min-width:0}
        ul{margin:8px 0 14px;padding-left:22px}
        li{margin:3px 0;overflow-wrap:anywhere}
        .figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,640px),1fr));gap:16px;align-items:start}
        figure{margin:0;background:var(--paper);border:1px solid var(--rule);border-radius:8px;overflow:hidden;min-width:0}
        .picture{overflow-x:auto}
        .picture svg{display:block;width:100%;min-width:520px;height:auto;margin:0 auto;max-width:900px}
        details{font-size:14px;padding:6px 14px 10px;color:var(--muted)}
        summary{cursor:pointer}
        .table{overflow:auto;max-height:70vh;margin:8px 0 16px}
        table{border-collapse:collapse;font-size:13.5px;font-variant-numeric:tabular-nums;color:var(--ink)}
        th,td{padding:4px 10px;text-align:right;border-bottom:1px solid var(--rule);vertical-align:top}
        th{font-weight:600;color:var(--muted);vertical-align:bottom;text-wrap:balance}
        td:first-child,th:first-child,.words td,.words th{text-align:left}
        td{white-space:nowrap}
        .words td:last-child{white-space:normal;overflow-wrap:anywhere;min-width:14em}
        .missing{background:var(--warnground);color:var(--warn);border-radius:8px;padding:8px 14px;margin:10px 0;font-size:14.5px;overflow-wrap:anywhere}
        code{font-family:ui-monospace,Consolas,monospace;font-size:.92em}
        @media print{.table{max-height:none}figure{break-inside:avoid}}
        @media (max-width:600px){.answer{font-size:20px}body{font-size:15px}}
        """;

    public static string Of(ReportPage page)
    {
        var html = new StringBuilder();
        html.Append("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" "
            + $"content=\"width=device-width,initial-scale=1\"/>\n<title>{XmlText.Escape(page.Title)}</title>\n<style>\n{Style}\n</style>\n</head>\n<body>\n<main>\n");
        html.Append($"<header>\n<h1>{XmlText.Escape(page.Title)}</h1>\n<div class=\"first\">\n<div>\n<p "
            + $"class=\"answer\">{Words(page.Headline.Answer)}</p>\n");
        List(html, page.Headline.Reasons);
        Table(html, page.Headline.Facts);
        if (page.Headline.Loads.Rows.Count > 0)
        {
            html.Append("<details class=\"loads\"><summary>what to run at each load</summary>\n");
            Table(html, page.Headline.Loads);
            html.Append(
                "<p>nothing: nothing that was measured meets it; *: others cannot be told from it, or some repeat missed the "
                    + "objective.</p></details>\n");
        }

        html.Append("</div>\n");
        if (page.Headline.Picture is { } picture) Write(html, picture);
        html.Append("</div>\n");
        html.Append(
            $"<nav>{string.Join(" ", page.Sections.Select(s => $"<a href=\"#{s.Id}\">{XmlText.Escape(s.Title)}</a>"))}</nav>\n</header>\n");
        foreach (var section in page.Sections) Write(html, section, page.Headline.Picture);
        return html.Append("</main>\n</body>\n</html>\n").Replace("\r\n", "\n").ToString();
    }

    /// <param name="shown">The picture on the first screen, which is not repeated.</param>
    private static void Write(StringBuilder html, Section section, Figure? shown)
    {
        html.Append($"<section id=\"{section.Id}\">\n<h2>{XmlText.Escape(section.Title)}</h2>\n");
        foreach (var missing in section.Missing) html.Append($"<p class=\"missing\">{Words(missing)}</p>\n");
        List(html, section.Findings);
        if (shown is not null && section.Figures.Contains(shown))
            html.Append($"<p><a href=\"#figure-{shown.Name}\">{XmlText.Escape(shown.Title)}</a> stands at the top of the page.</p>\n");
        if (section.Figures.Any(f => f != shown))
        {
            html.Append("<div class=\"figures\">\n");
            foreach (var figure in section.Figures.Where(f => f != shown)) Write(html, figure);
            html.Append("</div>\n");
        }

        foreach (var table in section.Tables) Table(html, table);
        html.Append("</section>\n");
    }

    private static void Write(StringBuilder html, Figure figure)
    {
        html.Append($"<figure id=\"figure-{figure.Name}\">\n<div class=\"picture\" "
            + $"tabindex=\"0\">\n{figure.Svg}</div>\n<details><summary>the figures behind it</summary>\n");
        Table(html, figure.Table);
        html.Append("</details>\n</figure>\n");
    }

    private static void List(StringBuilder html, IReadOnlyList<string> items)
    {
        if (items.Count > 0) html.Append($"<ul>\n{string.Concat(items.Select(i => $"<li>{Words(i)}</li>\n"))}</ul>\n");
    }

    private static void Table(StringBuilder html, ReportTable table)
    {
        if (table.Rows.Count == 0) return;
        var words = table.Head.Count > 1 && table.Head[^1].Length == 0;
        html.Append($"<div class=\"table{(words ? " words" : "")}\" tabindex=\"0\"><table>\n");
        if (table.Head.Any(h => h.Length > 0))
            html.Append(
                $"<thead><tr>{string.Concat(table.Head.Select(h => $"<th scope=\"col\">{XmlText.Escape(h)}</th>"))}</tr></thead>\n");
        html.Append("<tbody>\n");
        foreach (var row in table.Rows) html.Append($"<tr>{string.Concat(row.Select(c => $"<td>{XmlText.Escape(c)}</td>"))}</tr>\n");
        html.Append("</tbody></table></div>\n");
    }

    /// <summary>Escaped; what stands between back quotes becomes code.</summary>
    private static string Words(string text)
    {
        var parts = text.Split('`');
        return parts.Length % 2 == 0 ? XmlText.Escape(text)
            : string.Concat(parts.Select((p, i) => i % 2 == 0 ? XmlText.Escape(p) : $"<code>{XmlText.Escape(p)}</code>"));
    }
}
