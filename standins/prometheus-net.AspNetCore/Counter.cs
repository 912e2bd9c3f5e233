namespace Prometheus;

/// <summary>A value that only grows; its name should end in <c>_total</c>.</summary>
public sealed class Counter : Collector<Counter.Child>, ICounter
{
    internal Counter(string name, string help, string[] labelNames, bool suppressInitialValue)
        : base(name, help, labelNames, suppressInitialValue) { }

    public double Value => Unlabelled.Value;

    internal override string Kind => "counter";

    public void Inc(double increment = 1) => Unlabelled.Inc(increment);

    internal override Child NewChild(string labels, bool publish) => new(labels, publish);

    /// <summary>One series.</summary>
    public sealed class Child : ChildBase, ICounter
    {
        private AtomicDouble _value;

        internal Child(string labels, bool publish)
            : base(labels, publish) { }

        public double Value => _value.Value;

        public void Inc(double increment = 1)
        {
            if (increment < 0) throw new ArgumentOutOfRangeException(nameof(increment), "Counter value cannot decrease.");
            _value.Add(increment);
            Publish();
        }

        internal override void Write(TextExposition text, string name) => text.Sample(name, Labels, Value);
    }
}
