namespace Btx.Bench;

/// <summary>One thing beside another, or beside itself under other conditions, measured by turns in one run.</summary>
/// <param name="What">What is compared, in a line.</param>
/// <param name="Bars">What its cases must reach. A case without one is only shown.</param>
/// <param name="Run">Measures, and yields samples as they are made, warm-up not among them.</param>
internal sealed record Pair(string Name, string What, IReadOnlyList<Bar> Bars, Func<PairSettings, IAsyncEnumerable<Sample>> Run)
{
    /// <summary>Every pair that there is, in the order of the list.</summary>
    public static IReadOnlyList<Pair> All { get; } =
    [
        .. EnginePairs.All, RouterPair.FirstToken, PrefillPair.Memory, .. PrecisionPairs.All, ScalePairs.Mixture,
        ScalePairs.Experts, Change.ChangePair.Changes, Change.Cycles.Memory,
    ];

    /// <summary>Measures both sides by turns, and each first every other time. The first sample is warm-up and left out.</summary>
    /// <param name="first">Makes one figure of the side whose figure is divided by the other's.</param>
    public static async IAsyncEnumerable<Sample> AlternateAsync(string @case, int samples, Func<Task<double>> first,
        Func<Task<double>> second)
    {
        for (var i = -1; i < samples; i++)
        {
            double a = 0, b = 0;
            if (i % 2 == 0) a = await first();
            b = await second();
            if (i % 2 != 0) a = await first();
            if (i >= 0) yield return new(@case, a, b);
        }
    }
}

/// <summary>What the median ratio of a case must be: at least, at most, or both.</summary>
/// <param name="Case">As its samples name it: sizes and conditions.</param>
internal sealed record Bar(string Case, double? Least = null, double? Most = null)
{
    public bool Holds(double ratio) => !(ratio < Least) && !(ratio > Most) && !double.IsNaN(ratio);

    public override string ToString() => string.Join(", ", new[] { Least is { } l ? $">= {l}" : "", Most is { } m ? $"<= {m}" : "" }
        .Where(t => t.Length > 0));
}

/// <summary>A figure of each side, of the same turn and in the same unit; what counts is First / Second.</summary>
internal readonly record struct Sample(string Case, double First, double Second)
{
    public double Ratio => First / Second;
}

/// <param name="Quick">The smallest size alone, for a look: bars of cases that were left out are not judged.</param>
/// <param name="Samples">Of each case.</param>
/// <param name="Threads">Of either side.</param>
internal sealed record PairSettings(bool Quick, int Samples, int Threads);
