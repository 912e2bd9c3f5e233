using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Btx.Model;
using Btx.Model.Files;
using Btx.Model.Forests;

namespace Btx.Trainer.Phases;

/// <summary>Trains the same job for a short while at several learning rates and keeps the one with the lowest validation bits per byte.
/// Resumable: each rate is a run of its own under <c>sweep/</c>.</summary>
internal static class LearningRateSweep
{
    public const string FileName = "lr_sweep.json";

    /// <summary>The job at the best of the rates that a user named; as it is where none was.</summary>
    /// <param name="rates">As text.</param>
    /// <param name="tokens">Training tokens at each rate; null: an eighth of the job's.</param>
    /// <exception cref="BtxException">One is no rate.</exception>
    public static TrainingJob Choose(TrainingJob job, string directory, IReadOnlyList<string> rates, long? tokens, RunSettings settings,
        CancellationToken cancellation)
    {
        if (rates.Count == 0) return job;
        var (best, _) = Run(job, directory, [.. rates.Select(Rate)], tokens ?? Math.Max(1, job.Options.Tokens / 8), settings, cancellation);
        return job with { Options = job.Options with { LearningRate = best } };
    }

    /// <param name="tokens">Training tokens at each rate; the schedule is scaled to them.</param>
    /// <returns>The best rate, and mean bits per byte by rate.</returns>
    public static (double Best, SortedDictionary<string, double> BitsPerByte) Run(
        TrainingJob job, string directory, IReadOnlyList<double> rates, long tokens, RunSettings settings, CancellationToken cancellation)
    {
        if (settings.ValidationWindows < 1) throw new BtxException("--validation-windows is 0; --lr-sweep needs validation to choose by");
        var bits = new SortedDictionary<string, double>(StringComparer.Ordinal);
        var best = (Rate: 0.0, Bits: double.PositiveInfinity);
        foreach (var rate in rates)
        {
            var label = rate.ToString("R", CultureInfo.InvariantCulture);
            var trial = job with { Name = $"lr {label}", Options = job.Options with { LearningRate = rate, Tokens = tokens } };
            var record = SingleRun.Execute(trial, Path.Combine(directory, "sweep", $"lr-{label}"), settings, cancellation);
            bits[label] = record.ValidationBitsPerByte!.Values.Average();
            if (bits[label] < best.Bits) best = (rate, bits[label]);
        }

        AtomicFile.WriteText(
            Path.Combine(directory, FileName),
            JsonSerializer.Serialize(new { tokens_per_rate = tokens, validation_bits_per_byte = bits, best = best.Rate },
                ManifestJson.Options) + "\n");
        return (best.Rate, bits);
    }

    /// <summary>The rate that the sweep of an earlier run chose.</summary>
    /// <exception cref="BtxException">The directory has no sweep.</exception>
    public static double Best(string directory)
    {
        var path = Path.Combine(directory, FileName);
        if (!File.Exists(path)) throw new BtxException($"--lr-of {directory}: there is no {FileName}; name a run with --lr-sweep");
        return JsonNode.Parse(File.ReadAllText(path))!["best"]!.GetValue<double>();
    }

    private static double Rate(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var rate) && rate > 0
            ? rate
            : throw new BtxException($"--lr-sweep: \"{text}\" is not a learning rate; expected numbers such as 2e-3,4e-3");
}
