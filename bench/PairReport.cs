using System.CommandLine;
using System.Text.Json;
using Btx.Model.Files;
using MathNet.Numerics.Statistics;

namespace Btx.Bench;

/// <summary>Runs a pair and says what came out: medians, the ratio with its range, the bar.</summary>
internal static class PairReport
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>The command of a pair. Exit code 1: a bar was missed.</summary>
    public static Command Verb(Pair pair)
    {
        var quick = new Flag<bool>("--quick", "the smallest size and few samples; what that leaves out is not judged");
        var samples = new Flag<int?>("--samples N", "of each case (7, with --quick 3)");
        var threads = Flags.Threads("of either side", Environment.ProcessorCount);
        var json = new JsonFlag();
        samples.Validators.Add(r => { if (r.GetValueOrDefault<int?>() < 1) r.AddError("--samples: expected 1 or more"); });
        var verb = new Command(pair.Name, $"{pair.What}\nExit code 1 if a bar is missed.\n\nExample: ./btx bench {pair.Name} --quick")
        { quick, samples, threads, json };
        verb.SetAction(async (parsed, cancellation) =>
        {
            var isQuick = parsed.GetValue(quick);
            var settings = new PairSettings(isQuick, parsed.GetValue(samples) ?? (isQuick ? 3 : 7), parsed.GetValue(threads));
            var taken = new List<Sample>();
            using (var display = new ProgressDisplay())
            {
                var item = display.Start(pair.Name, 0, null);
                await foreach (var sample in pair.Run(settings).WithCancellation(cancellation))
                {
                    taken.Add(sample);
                    item.Report(taken.Count, $"{sample.Case}: {Figure(sample.First)} and {Figure(sample.Second)}, {Figure(sample.Ratio)}");
                }

                item.Finish();
            }

            Verdict[] verdicts = [.. Verdicts(pair.Bars, taken, isQuick)];
            json.Write(parsed, JsonSerializer.Serialize(new { pair.Name, settings, Cases = verdicts, Samples = taken }, Indented),
                Lines(pair, verdicts), AtomicFile.WriteText);
            return verdicts.All(v => v.Good) ? 0 : 1;
        });
        return verb;
    }

    /// <summary>Name and subject of every pair, and its bars.</summary>
    public static IEnumerable<string> List() => TextTable.Lines(["pair", "bars", "what is compared"],
        Pair.All.Select(p => new[] { p.Name, string.Join("; ", p.Bars.Select(b => b.ToString()).Distinct()), p.What }));

    /// <summary>Each case that was measured, and each bar whose case was not.</summary>
    /// <param name="partial">What was left out is no failure.</param>
    public static IEnumerable<Verdict> Verdicts(IReadOnlyList<Bar> bars, IReadOnlyList<Sample> samples, bool partial) =>
        samples.GroupBy(s => s.Case).Select(of => new Verdict(of.Key, of.Select(s => s.First).Median(), of.Select(s => s.Second).Median(),
            of.Select(s => s.Ratio).Median(), of.Min(s => s.Ratio), of.Max(s => s.Ratio), bars.FirstOrDefault(b => b.Case == of.Key)))
        .Concat(bars.Where(b => !partial && samples.All(s => s.Case != b.Case))
            .Select(b => new Verdict(b.Case, null, null, null, null, null, b)));

    private static IEnumerable<string> Lines(Pair pair, IEnumerable<Verdict> verdicts) =>
    [
        $"{pair.Name}: {pair.What}",
        .. TextTable.Lines(["case", "first", "second", "ratio", "range", "bar", ""], verdicts.Select(v => new[]
        {
            v.Case, Figure(v.First), Figure(v.Second), Figure(v.Ratio), v.Ratio is null ? "-" : $"{Figure(v.Least)}-{Figure(v.Most)}",
            $"{v.Bar}", v.Bar is null ? "" : v.Ratio is null ? "NOT MEASURED" : v.Good ? "kept" : "MISSED",
        }), figuresFrom: 1),
    ];

    private static string Figure(double? value) =>
        value is not { } v ? "-" : Math.Abs(v) >= 1000 ? $"{v:F0}" : Math.Abs(v) >= 10 ? $"{v:F1}" : $"{v:F3}";
}

/// <summary>Medians of a case, and its bar. Null figures: it was not measured.</summary>
/// <param name="Least">Of all ratios.</param>
internal sealed record Verdict(string Case, double? First, double? Second, double? Ratio, double? Least, double? Most, Bar? Bar)
{
    public bool Good => Bar is null || (Ratio is { } ratio && Bar.Holds(ratio));
}
