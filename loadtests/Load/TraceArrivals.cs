namespace Btx.LoadTests.Load;

/// <summary>Open loop: what a trace recorded, from its first arrival on, faster or slower.</summary>
/// <param name="File">For messages.</param>
/// <param name="Scale">2: twice as fast.</param>
public sealed record TraceArrivals(string File, IReadOnlyList<Arrival> Recorded, double Scale = 1) : IArrivals
{
    public string Text => FormattableString.Invariant($"trace:{File},{Scale}");

    public IEnumerable<Arrival> From(long seed)
    {
        var first = Recorded[0].Due!.Value;
        return Recorded.Select(a => a with { Due = (a.Due - first) / Scale });
    }
}
