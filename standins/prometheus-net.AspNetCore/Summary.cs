namespace Prometheus;

/// <summary>The sum and the number of samples.</summary>
public sealed class Summary : Collector<Summary.Child>, ISummary
{
    internal Summary(string name, string help, string[] labelNames, bool suppressInitialValue)
        : base(name, help, labelNames, suppressInitialValue) { }

    internal override string Kind => "summary";

    public void Observe(double val) => Unlabelled.Observe(val);

    internal override Child NewChild(string labels, bool publish) => new(labels, publish);

    /// <summary>One series.</summary>
    public sealed class Child : ChildBase, ISummary
    {
        private readonly Lock _lock = new();
        private double _sum;
        private long _count;

        internal Child(string labels, bool publish)
            : base(labels, publish) { }

        public void Observe(double val)
        {
            if (double.IsNaN(val)) return;
            lock (_lock)
            {
                _sum += val;
                _count++;
            }

            Publish();
        }

        internal override void Write(TextExposition text, string name)
        {
            double sum;
            long count;
            lock (_lock) (sum, count) = (_sum, _count);
            text.Sample(name + "_sum", Labels, sum);
            text.Sample(name + "_count", Labels, count);
        }
    }
}
