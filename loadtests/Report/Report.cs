using Btx.Cli.Charts;

namespace Btx.LoadTests.Report;

/// <summary>The report before it is written.</summary>
public sealed record ReportPage(ReportModel Model, Headline Headline, IReadOnlyList<Section> Sections)
{
    public string Title => $"How many experts? {Model.Name}";

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
        string At(string file) => Path.Combine(directory, file);
        (string Path, string Text)[] files =
        [
            .. Model.Analysis is not { } fits ? []
                : new[] { (At(RunDirectory.Fits), JsonSerializer.Serialize(fits, RunJson.Indented) + "\n") },
            (At(RunDirectory.Page), HtmlPage.Of(this)), (At(RunDirectory.Markdown), MarkdownPage.Of(this)),
            .. Figures.Select(f => (Path.Combine(charts, f.Name + ".svg"), f.Svg)),
        ];
        foreach (var (path, text) in files) RunJson.WriteText(path, text);
        string[] written = [.. files.Select(f => f.Path)];
        foreach (var old in Directory.EnumerateFiles(charts, "*.svg").Except(written).ToArray()) File.Delete(old);
        return written;
    }
}

/// <summary>One part of the report.</summary>
public sealed record Section(string Id, string Title)
{
    public IReadOnlyList<string> Findings { get; init; } = [];

    public IReadOnlyList<Figure> Figures { get; init; } = [];

    /// <summary>Tables that no picture shows.</summary>
    public IReadOnlyList<ReportTable> Tables { get; init; } = [];

    /// <summary>What cannot be said, why, and which command would tell: a sentence each.</summary>
    public IReadOnlyList<string> Missing { get; init; } = [];
}

/// <summary>A picture and the figures that it is drawn from.</summary>
public sealed record Figure(string Name, string Title, string Svg, ReportTable Table)
{
    public static Figure Of(Chart chart, ReportTable table) => new(chart.Name, chart.Title, chart.ToSvg(), table);
}

/// <summary>Rows of text. The first column names the row, the others hold figures; with a last column without a name, words.</summary>
public sealed record ReportTable(IReadOnlyList<string> Head, IReadOnlyList<IReadOnlyList<string>> Rows);

/// <summary>A run and what follows from its points.</summary>
public sealed record ReportModel : RunFiles
{
    public ReportModel(RunFiles run) : base(run) { }

    /// <summary>Null: nothing was measured.</summary>
    public CostAnalysis? Analysis { get; private init; }

    /// <summary>In the order of the settings' names, k by value.</summary>
    public IReadOnlyList<MeasuredSettings> Measurements => field ??=
    [
        .. Points.GroupBy(p => p.Settings.Name, StringComparer.Ordinal)
            .Select(g => new MeasuredSettings(g.First().Settings, [.. g.OrderBy(p => p.Order)]))
            .OrderBy(m => Modes.Rank(m.Settings.Mode)).ThenBy(m => m.Settings.Mode, StringComparer.Ordinal).ThenBy(m => m.Settings.K)
            .ThenBy(m => m.Settings.Concurrency).ThenBy(m => m.Settings.Rate).ThenBy(m => m.Name, StringComparer.Ordinal),
    ];

    public PointLabels Labels => field ??= new PointLabels([.. Points.Select(p => p.Settings)]);

    /// <summary>What the absence or damage of one of <see cref="RunDirectory"/>'s files means, and the command that makes it.</summary>
    public string Absent(string file) => Damaged.Contains(file) ? Damage(file) : file switch
    {
        RunDirectory.Points => $"No point was measured: {file} is missing or empty. `btx loadtest sweep … --out RUN` measures the grid, "
            + "`btx loadtest run … --out RUN` one load.",
        RunDirectory.Quality => "How good the models are is not known: "
            + $"{(Quality is null ? $"there is no {file}" : $"{file} holds no figure")}. `btx loadtest sweep … --evaluation FILE --out "
            + "RUN` takes it from the JSON of `btx evaluate`; `--quality-tokens N` measures it through the server.",
        RunDirectory.Change => $"No expert was added or removed under load: there is no {file}. `btx loadtest sweep --forest DIR … --out "
            + "RUN` ends with changes, unless `--change none` says otherwise.",
        RunDirectory.CeilingFile => $"What the generator itself can do is not known: there is no {file}. `btx loadtest ceiling --json "
            + $"RUN/{file}` measures it.",
        _ => $"What the run was asked to do is not known: there is no {file}.",
    };

    public const string NoSuccess = "No request succeeded: there is nothing to draw. The section on failures says why.";

    public static string Damage(string file) => $"{file} is there and cannot be read: nothing of it is reported. The section on what is "
        + "missing says where it is damaged.";

    /// <summary>What a section that needs points lacks: all of them, or something else.</summary>
    public IReadOnlyList<string> Lacks(bool found, string otherwise) =>
        found ? [] : [Points.Count == 0 ? Absent(RunDirectory.Points) : otherwise];

    /// <summary>With fits, frontiers and recommendations; without them if nothing was measured.</summary>
    /// <param name="withinPercent">Per cent of the full ensemble's bits per byte that a cheaper point may lose.</param>
    public static ReportModel Of(RunFiles run, ServiceObjective? objective, IReadOnlyList<double> withinPercent) => new(run)
    {
        Analysis = run.Points.Count == 0 ? null : run.Analyse(new() { Objective = objective, WithinPercent = withinPercent }),
    };
}
