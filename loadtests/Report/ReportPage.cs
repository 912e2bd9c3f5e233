using System.Text.Json;
using Btx.LoadTests.Records;
using Btx.LoadTests.Report.Sections;

namespace Btx.LoadTests.Report;

/// <summary>The report before it becomes HTML or Markdown.</summary>
public sealed record ReportPage(ReportModel Model, Headline Headline, IReadOnlyList<Section> Sections)
{
    public string Title => $"How many experts? {Model.Run}";

    public IEnumerable<Figure> Figures => Sections.SelectMany(s => s.Figures);

    public static ReportPage Of(ReportModel model)
    {
        Section[] sections =
        [
            FrontierSection.Of(model), RoutingSection.Of(model), CostSection.Of(model), UnionSection.Of(model), SaturationSection.Of(model),
                ChangeSection.Of(model),
            QualitySection.Of(model), PeersSection.Of(model), TrustSection.Of(model), FailuresSection.Of(model), RunSection.Of(model),
                PointsSection.Of(model),
        ];
        return new(model, Headline.Of(model, sections[0].Figures), [.. sections, MissingSection.Of(model, sections)]);
    }

    /// <summary>Writes the fits, the page, the summary and the pictures into the run's directory; pictures of an earlier
    /// report that this one lacks are removed.</summary>
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
