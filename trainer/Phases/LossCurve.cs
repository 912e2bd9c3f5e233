using Btx.Cli.Charts;

namespace Btx.Trainer.Phases;

/// <summary>The loss of a run over its steps: <c>loss.csv</c>, and <c>loss.svg</c> as a picture of it.</summary>
internal static class LossCurve
{
    public const string CsvFile = "loss.csv";
    public const string PictureFile = "loss.svg";

    /// <summary>About so many rows in a whole run.</summary>
    public const int Rows = 400;

    private const int Smoothing = 8;

    public static CsvCurve<LossPoint> Of(string directory) => new(Path.Combine(directory, CsvFile),
        "step,tokens,loss,learning_rate,seconds,validation_bits_per_byte,balance",
        p => $"{p.Step},{p.Tokens},{p.Loss:F5},{p.LearningRate:G6},{p.Seconds:F2},{p.BitsPerByte:F5},{p.Balance:F5}",
        cells => cells.Length <= 7 && !cells.Any(c => c is double.NaN)
            && cells is [{ } step, { } tokens, { } loss, { } rate, { } seconds, var bits, ..]
            ? new((long)step, (long)tokens, loss, rate, seconds, bits, cells.ElementAtOrDefault(6)) : null,
        p => p.Step);

    /// <summary>Draws training loss, smoothed, and validation where it was measured.</summary>
    public static void SavePicture(IReadOnlyList<LossPoint> points, string directory, string name)
    {
        Datum[] loss = [.. points.Select((p, i) => new Datum(p.Tokens, points.Take(i + 1).TakeLast(Smoothing).Average(q => q.Loss)))];
        Datum[] validation = [.. points.Where(p => p.BitsPerByte is not null).Select(p => new Datum(p.Tokens, p.BitsPerByte!.Value))];
        Series[] series = [new("training loss, nats per token", loss, SeriesStyle.Of(0)) { Marked = false }];
        if (validation.Length > 1) series = [.. series, new("validation, bits per byte", validation, SeriesStyle.Of(1))];
        var chart = new Chart("loss", $"Loss of {name}", new Axis("tokens"), [new Panel(new Axis("loss"), series)]);
        AtomicFile.WriteText(Path.Combine(directory, PictureFile), chart.ToSvg());
    }
}

/// <summary>One row of <c>loss.csv</c>, after so many steps, tokens and seconds; the validation where it was measured.</summary>
/// <param name="Loss">Mean since the row before, nats per token.</param>
/// <param name="Balance">Mean over the layers of a BTX model of E · Σ u p, 1 when even (what α weighs in the objective, which the loss
/// leaves out); null without load balancing.</param>
internal sealed record LossPoint(long Step, long Tokens, double Loss, double LearningRate, double Seconds, double? BitsPerByte,
    double? Balance = null);
