using Btx.LoadTests.Records;

namespace Btx.LoadTests.Comparing;

/// <summary>What changed from the first run to the second.</summary>
public sealed record RunComparison
{
    public const int CurrentSchema = 1;

    public int Schema { get; init; } = CurrentSchema;

    public required RunSide First { get; init; }

    public required RunSide Second { get; init; }

    /// <summary>What else is not the same, so that a change below may come from it: machine, version, load. A sentence each.</summary>
    public required IReadOnlyList<string> Caveats { get; init; }

    public required IReadOnlyList<string> OnlyInFirst { get; init; }

    public required IReadOnlyList<string> OnlyInSecond { get; init; }

    /// <summary>A difference below this share is none that matters.</summary>
    public required double Tolerance { get; init; }

    /// <summary>Points, then fitted coefficients, then quality.</summary>
    public required IReadOnlyList<Change> Changes { get; init; }

    public int Count(string verdict) => Changes.Count(c => c.Verdict == verdict);
}

/// <summary>Which run.</summary>
/// <param name="Measurements">Points with their repeats.</param>
public sealed record RunSide(string Directory, DateTimeOffset Started, string Version, MachineDescription Machine, LoadDescription Load,
    int Measurements);

/// <summary>What a comparison says of one figure.</summary>
public static class Verdict
{
    public const string Better = "better";

    public const string Worse = "worse";

    /// <summary>The whole confidence interval lies within the tolerance.</summary>
    public const string Same = "same";

    /// <summary>Neither a change nor the lack of one is shown: the noise is too large for the repeats.</summary>
    public const string CannotTell = "cannot tell";
}
