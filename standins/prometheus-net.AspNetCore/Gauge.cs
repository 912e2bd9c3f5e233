namespace Prometheus;

/// <summary>A value that goes up and down.</summary>
public sealed class Gauge : Collector<Gauge.Child>, IGauge
{
    internal Gauge(string name, string help, string[] labelNames, bool suppressInitialValue)
        : base(name, help, labelNames, suppressInitialValue) { }

    public double Value => Unlabelled.Value;

    internal override string Kind => "gauge";

    public void Inc(double increment = 1) => Unlabelled.Inc(increment);

    public void Dec(double decrement = 1) => Unlabelled.Dec(decrement);

    public void Set(double val) => Unlabelled.Set(val);

    internal override Child NewChild(string labels, bool publish) => new(labels, publish);

    /// <summary>One series.</summary>
    public sealed class Child : ChildBase, IGauge
    {
        private AtomicDouble _value;

        internal Child(string labels, bool publish)
            : base(labels, publish) { }

        public double Value => _value.Value;

        public void Inc(double increment = 1)
        {
            _value.Add(increment);
            Publish();
        }

        public void Dec(double decrement = 1) => Inc(-decrement);

        public void Set(double val)
        {
            _value.Value = val;
            Publish();
        }

        internal override void Write(TextExposition text, string name) => text.Sample(name, Labels, Value);
    }
}
