using Btx.Cli.Charts;

namespace Btx.Trainer.Phases;

/// <summary>The loss of a run over its steps: <c>loss.csv</c>, and <c>loss.svg</c> as a picture of it.</summary>
internal sealed class LossCurve(string directory)
{
    public const string CsvFile = "loss.csv";
    public const string PictureFile = "loss.svg";

    /// <summary>About so many rows in a whole run.</summary>
    public const int Rows = 400;

    private const int Smoothing = 8;
    private const string Header = "step,tokens,loss,learning_rate,seconds,validation_bits_per_byte,balance";

    public List<LossPoint> Points { get; } = [];

    /// <summary>Reads the rows up to <paramref name="step"/>; later ones belong to steps that are done again.</summary>
    public void Load(long step)
    {
        Points.Clear();
        var path = Path.Combine(directory, CsvFile);
        if (!File.Exists(path)) return;
        Points.AddRange(File.ReadLines(path).Skip(1).Select(line => Parse(line.Split(','))
            ?? throw new BtxException($"{path}: \"{line}\" is not a row of a loss curve; delete the file to go on without it"))
            .Where(p => p.Step <= step));
    }

    public void SaveCsv()
    {
        var rows = Points.Select(p =>
            $"{p.Step},{p.Tokens},{p.Loss:F5},{p.LearningRate:G6},{p.Seconds:F2},{p.BitsPerByte:F5},{p.Balance:F5}\n");
        AtomicFile.WriteText(Path.Combine(directory, CsvFile), $"{Header}\n{string.Concat(rows)}");
    }

    /// <summary>Draws training loss, smoothed, and validation where it was measured.</summary>
    public void SavePicture(string name)
    {
        Datum[] loss = [.. Points.Select((p, i) => new Datum(p.Tokens, Points.Take(i + 1).TakeLast(Smoothing).Average(q => q.Loss)))];
        Datum[] validation = [.. Points.Where(p => p.BitsPerByte is not null).Select(p => new Datum(p.Tokens, p.BitsPerByte!.Value))];
        Series[] series = [new("training loss, nats per token", loss, SeriesStyle.Of(0)) { Marked = false }];
        if (validation.Length > 1) series = [.. series, new("validation, bits per byte", validation, SeriesStyle.Of(1))];
        var chart = new Chart("loss", $"Loss of {name}", new Axis("tokens"), [new Panel(new Axis("loss"), series)]);
        AtomicFile.WriteText(Path.Combine(directory, PictureFile), chart.ToSvg());
    }

    private static LossPoint? Parse(string[] cells)
    {
        double?[] numbers = [.. cells.Select(c => double.TryParse(c, out var number) ? number : (double?)null)];
        if (numbers is not [{ } step, { } tokens, { } loss, { } rate, { } seconds, var bits, ..] || cells.Length > 7) return null;
        if (cells.Skip(5).Where((cell, i) => cell.Length > 0 && numbers[5 + i] is null).Any()) return null;
        return new((long)step, (long)tokens, loss, rate, seconds, bits, numbers.ElementAtOrDefault(6));
    }
}

/// <summary>One row of <c>loss.csv</c>.</summary>
/// <param name="Step">Finished steps.</param>
/// <param name="Tokens">Tokens trained on.</param>
/// <param name="Loss">Mean since the row before, nats per token.</param>
/// <param name="LearningRate">Of the last step.</param>
/// <param name="Seconds">Training time so far.</param>
/// <param name="BitsPerByte">Validation, where it was measured at this step.</param>
/// <param name="Balance">Mean over the layers of a BTX model of E · Σ u p, 1 when even (what α weighs in the objective, which the loss
/// leaves out); null without load balancing.</param>
internal sealed record LossPoint(long Step, long Tokens, double Loss, double LearningRate, double Seconds, double? BitsPerByte,
    double? Balance = null);
