namespace Btx.LoadTests.Sweeps;

/// <summary>Where a sweep says what it does.</summary>
internal interface ISweepReport
{
    /// <summary>A line that stays.</summary>
    void Line(string line);

    /// <summary>What is being measured, as the next of so many.</summary>
    /// <param name="done">Of <paramref name="total"/>.</param>
    void Measuring(string what, int done, int total);
}
