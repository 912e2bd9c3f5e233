namespace Btx.LoadTests.Report.Sections;

/// <summary>What the other sections cannot say, in one place, with what the analysis noted.</summary>
public static class MissingSection
{
    /// <param name="others">The sections before it.</param>
    public static Section Of(ReportModel model, IEnumerable<Section> others)
    {
        string[] missing = [.. model.Faults,
            .. others.SelectMany(s => s.Missing).Except(model.Damaged.Select(Absent.Damage), StringComparer.Ordinal)];
        return new("missing", "What is missing, and why")
        {
            Findings = [.. missing.Length == 0 ? (string[])["Nothing: every part of the run's directory is there."]
                : missing.Distinct(StringComparer.Ordinal), .. (model.Analysis?.Notes ?? []).Select(n => $"Note of the analysis: {n}")],
        };
    }
}
