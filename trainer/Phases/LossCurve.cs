using System.Globalization;
using System.Text;
using Btx.Cli.Charts;
using Btx.Model;
using Btx.Model.Files;

namespace Btx.Trainer.Phases;

/// <summary>The loss of a run over its steps: <c>loss.csv</c>, and <c>loss.svg</c> as a picture of it.</summary>
public sealed class LossCurve(string directory)
{
    public const string CsvFile = "loss.csv";
    public const string PictureFile = "loss.svg";

    /// <summary>About so many rows in a whole run.</summary>
    public const int Rows = 400;

    private const string Header = "step,tokens,loss,learning_rate,seconds,validation_bits_per_byte,balance";
    private readonly List<LossPoint> points = [];

    public IReadOnlyList<LossPoint> Points => points;

    public void Add(LossPoint point) => points.Add(point);

    /// <summary>Replaces the last row.</summary>
    public void Amend(LossPoint last) => points[^1] = last;

    /// <summary>Reads the rows up to <paramref name="step"/>; later ones belong to steps that are done again.</summary>
    public void Load(long step)
    {
        points.Clear();
        var path = Path.Combine(directory, CsvFile);
        if (!File.Exists(path)) return;
        foreach (var line in File.ReadLines(path).Skip(1))
        {
            if (Parse(line.Split(',')) is not { } point)
                throw new BtxException($"{path}: \"{line}\" is not a row of a loss curve; delete the file to go on without it");
            if (point.Step <= step) points.Add(point);
        }
    }

    public void SaveCsv()
    {
        var text = new StringBuilder(Header).Append('\n');
        foreach (var p in points)
            text.Append(
                CultureInfo.InvariantCulture,
                    $"{p.Step},{p.Tokens},{p.Loss:F5},{p.LearningRate:G6},{p.Seconds:F2},{p.BitsPerByte:F5},{p.Balance:F5}\n");
        AtomicFile.WriteText(Path.Combine(directory, CsvFile), text.ToString());
    }

    private static LossPoint? Parse(string[] cells)
    {
        static bool Number(string cell, out double value) =>
            double.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out value);
        static bool Optional(string cell, out double? value)
        {
            value = Number(cell, out var number) ? number : null;
            return value is not null || cell.Length == 0;
        }

        if (cells.Length is not (6 or 7) || !long.TryParse(cells[0], out var step) || !long.TryParse(cells[1], out var tokens)) return null;
        if (!Number(cells[2], out var loss) || !Number(cells[3], out var rate) || !Number(cells[4], out var seconds)) return null;
        return Optional(cells[5], out var bits) & Optional(cells.ElementAtOrDefault(6) ?? "", out var balance)
            ? new(step, tokens, loss, rate, seconds, bits, balance) : null;
    }
}

/// <summary>One row of <c>loss.csv</c>.</summary>
/// <param name="Step">Finished steps.</param>
/// <param name="Tokens">Tokens trained on.</param>
/// <param name="Loss">Mean since the row before, nats per token.</param>
/// <param name="LearningRate">Of the last step.</param>
/// <param name="Seconds">Training time so far.</param>
/// <param name="BitsPerByte">Validation, where it was measured at this step.</param>
/// <param name="Balance">Mean over the layers of a mixture of E · Σ u p, 1 when even (what α weighs in the objective, which the loss
/// leaves out); null without load balancing.</param>
public sealed record LossPoint(long Step, long Tokens, double Loss, double LearningRate, double Seconds, double? BitsPerByte,
    double? Balance = null);

/// <summary>Draws a loss curve: training loss, smoothed, and validation where it was measured.</summary>
internal static class LossPicture
{
    private const int Smoothing = 8;

    public static void Write(string path, string name, IReadOnlyList<LossPoint> points)
    {
        Datum[] loss = [.. points.Select((p, i) => new Datum(p.Tokens, points.Take(i + 1).TakeLast(Smoothing).Average(q => q.Loss)))];
        Datum[] validation = [.. points.Where(p => p.BitsPerByte is not null).Select(p => new Datum(p.Tokens, p.BitsPerByte!.Value))];
        Series[] series =
        [
            new("training loss, nats per token", loss, SeriesStyle.Of(0)) { Marked = false },
            .. validation.Length < 2 ? [] : (Series[])[new("validation, bits per byte", validation, SeriesStyle.Of(1))],
        ];
        AtomicFile.WriteText(path, new Chart("loss", $"Loss of {name}", new Axis("tokens"), [new Panel(new Axis("loss"), series)]).ToSvg());
    }
}
