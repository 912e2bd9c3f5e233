using Btx.Trainer.Charts;

namespace Btx.Trainer.Phases;

/// <summary>Draws a loss curve: training loss, smoothed, and validation where it was measured.</summary>
internal static class LossPicture
{
    private const int Smoothing = 8;

    public static void Write(string path, string name, IReadOnlyList<LossPoint> points)
    {
        var smooth = points.Select((p, i) => ((double)p.Tokens,
            points.Skip(Math.Max(0, i - Smoothing + 1)).Take(Math.Min(i + 1, Smoothing)).Average(q => q.Loss))).ToArray();
        ChartSeries[] series = [new("training loss, nats per token", smooth)];
        (double, double)[] validation = [.. points.Where(p => p.BitsPerByte is not null)
            .Select(p => ((double)p.Tokens, p.BitsPerByte!.Value))];
        if (validation.Length > 1) series = [.. series, new("validation, bits per byte", validation)];
        new LineChart($"Loss of {name}", "tokens", "loss", series).Save(path);
    }
}
