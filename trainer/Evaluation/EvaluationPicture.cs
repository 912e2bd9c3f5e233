using Btx.Model.Files;
using Btx.Trainer.Charts;

namespace Btx.Trainer.Evaluation;

/// <summary>The bits per byte of every domain (rows) under every mode (columns) as a heat map; colours are spread over each
/// row, as domains differ in difficulty.</summary>
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

        return new HeatMap("Bits per byte of each domain", [.. report.Domains.Select(d => d.Name)], report.Modes, values)
        {
            Unit = "bits per byte",
            Format = "F3",
            LowerIsBetter = true,
            ScalePerRow = true,
        }.ToSvg();
    }
}
