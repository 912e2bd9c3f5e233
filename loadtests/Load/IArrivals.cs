namespace Btx.LoadTests.Load;

/// <summary>The order in which requests come.</summary>
public interface IArrivals
{
    /// <summary>As the command line says it.</summary>
    string Text { get; }

    /// <summary>In order of time; without end, except of a trace.</summary>
    IEnumerable<Arrival> From(long seed);
}
