using Btx.LoadTests.Sweeps;

namespace Btx.LoadTests.Verbs;

/// <summary>A line for everything that was done: where nobody watches.</summary>
internal sealed class SweepLines(TextWriter output) : ISweepReport
{
    public void Line(string line) => output.WriteLine(line);

    public void Measuring(string what, int done, int total)
    {
        // The line that follows says what was measured.
    }
}
