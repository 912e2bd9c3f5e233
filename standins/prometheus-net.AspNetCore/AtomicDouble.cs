namespace Prometheus;

/// <summary>A double changed by several threads.</summary>
internal struct AtomicDouble
{
    private double _value;

    public double Value
    {
        get => Volatile.Read(ref _value);
        set => Volatile.Write(ref _value, value);
    }

    public void Add(double increment)
    {
        double seen;
        do seen = Volatile.Read(ref _value);
        while (Interlocked.CompareExchange(ref _value, seen + increment, seen) != seen && !double.IsNaN(seen));
    }
}
