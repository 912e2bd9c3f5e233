using System.Text.Json;
using Btx.Cli.Charts;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Report;

/// <summary>The report before it is written.</summary>
public sealed record ReportPage(ReportModel Model, Headline Headline, IReadOnlyList<Section> Sections)
{
    public string Title => $"How many experts? {Model.Run}";

    public IEnumerable<Figure> Figures => Sections.SelectMany(s => s.Figures);

    public static ReportPage Of(ReportModel model)
    {
        Section[] sections =
        [
            CostSections.Frontier(model), LoadSections.Routing(model), CostSections.Lines(model), CostSections.Unions(model),
            LoadSections.Saturation(model), LoadSections.Changes(model), RunSections.Quality(model), PeerSection.Peers(model),
            RunSections.Trust(model), RunSections.Failures(model), RunSections.Run(model), RunSections.Points(model),
        ];
        return new(model, Headline.Of(model, sections[0].Figures), [.. sections, RunSections.Missing(model, sections)]);
    }

    /// <summary>Writes fits, page, Markdown and pictures into the run's directory; an earlier report's pictures go.</summary>
    /// <returns>Paths of what was written, the pictures last.</returns>
    public IReadOnlyList<string> Write(string directory)
    {
        var charts = Path.Combine(directory, RunDirectory.Charts);
        Directory.CreateDirectory(charts);
        var written = new List<string>();
        void Text(string path, string text)
        {
            RunJson.WriteText(path, text);
            written.Add(path);
        }

        if (Model.Analysis is not null)
            Text(Path.Combine(directory, RunDirectory.Fits), JsonSerializer.Serialize(Model.Analysis, RunJson.Indented) + "\n");
        Text(Path.Combine(directory, RunDirectory.Page), HtmlPage.Of(this));
        Text(Path.Combine(directory, RunDirectory.Markdown), MarkdownPage.Of(this));
        foreach (var figure in Figures) Text(Path.Combine(charts, figure.Name + ".svg"), figure.Svg);
        foreach (var old in Directory.EnumerateFiles(charts, "*.svg").Except(written).ToArray()) File.Delete(old);
        return written;
    }
}

/// <summary>One part of the report.</summary>
/// <param name="Id">Short name: letters.</param>
public sealed record Section(string Id, string Title)
{
    /// <summary>What is found, before the pictures.</summary>
    public IReadOnlyList<string> Findings { get; init; } = [];

    public IReadOnlyList<Figure> Figures { get; init; } = [];

    /// <summary>Tables that no picture shows.</summary>
    public IReadOnlyList<ReportTable> Tables { get; init; } = [];

    /// <summary>What cannot be said, why, and which command would tell: a sentence each.</summary>
    public IReadOnlyList<string> Missing { get; init; } = [];
}

/// <summary>A picture and the figures that it is drawn from.</summary>
/// <param name="Name">File name without its ending.</param>
public sealed record Figure(string Name, string Title, string Svg, ReportTable Table)
{
    public static Figure Of(Chart chart, ReportTable table) => new(chart.Name, chart.Title, chart.ToSvg(), table);
}

/// <summary>Rows of text. The first column names the row, the others hold figures; with a last column without a name, words.</summary>
public sealed record ReportTable(IReadOnlyList<string> Head, IReadOnlyList<IReadOnlyList<string>> Rows);
