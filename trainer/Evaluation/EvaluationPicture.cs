using Btx.Cli.Charts;
using Btx.Model.Files;

namespace Btx.Trainer.Evaluation;

/// <summary>The bits per byte of every domain (rows) under every mode (columns); colours are spread over each row, as domains differ in
/// difficulty.</summary>
public static class EvaluationPicture
{
    public static void Write(EvaluationReport report, string path) => AtomicFile.WriteText(path, Svg(report));

    public static string Svg(EvaluationReport report)
    {
        var values = new double[report.Domains.Count, report.Modes.Count];
        for (var d = 0; d < report.Domains.Count; d++)
        {
            for (var m = 0; m < report.Modes.Count; m++) values[d, m] = report.Domains[d].BitsPerByte(report.Modes[m]);
        }

        string[] domains = [.. report.Domains.Select(d => d.Name)];
        return new HeatMap("evaluation", "Bits per byte of each domain", domains, report.Modes, [("", values)])
        {
            Caption = "bits per byte; lower is better; best of each row in bold",
            Format = "F3",
            LowerIsBetter = true,
        }.ToSvg();
    }
}
