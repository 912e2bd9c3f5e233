namespace Prometheus;

/// <summary>Samples counted by bucket.</summary>
public sealed class Histogram : Collector<Histogram.Child>, IHistogram
{
    private static readonly double[] s_defaultBuckets = [.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10];

    private readonly double[] _upperBounds;

    internal Histogram(string name, string help, string[] labelNames, bool suppressInitialValue, double[]? buckets)
        : base(name, help, labelNames, suppressInitialValue)
    {
        if (LabelNames.Contains("le")) throw new ArgumentException("'le' is a reserved label name", nameof(labelNames));
        _upperBounds = [.. buckets ?? s_defaultBuckets];
        if (_upperBounds.Length == 0) throw new ArgumentException("Histogram must have at least one bucket");
        if (!double.IsPositiveInfinity(_upperBounds[^1])) _upperBounds = [.. _upperBounds, double.PositiveInfinity];
        for (var i = 1; i < _upperBounds.Length; i++)
        {
            if (_upperBounds[i] <= _upperBounds[i - 1]) throw new ArgumentException("Bucket values must be increasing");
        }
    }

    public double Sum => Unlabelled.Sum;

    public long Count => Unlabelled.Count;

    internal override string Kind => "histogram";

    /// <summary><paramref name="count"/> bounds: start, start·factor, start·factor², …</summary>
    public static double[] ExponentialBuckets(double start, double factor, int count)
    {
        if (count <= 0) throw new ArgumentException($"{nameof(ExponentialBuckets)} needs a positive {nameof(count)}");
        if (start <= 0) throw new ArgumentException($"{nameof(ExponentialBuckets)} needs a positive {nameof(start)}");
        if (factor <= 1) throw new ArgumentException($"{nameof(ExponentialBuckets)} needs a {nameof(factor)} greater than 1");
        var bounds = new double[count];
        for (var i = 0; i < count; i++, start *= factor) bounds[i] = start;
        return bounds;
    }

    /// <summary><paramref name="count"/> bounds: start, start + width, start + 2·width, …</summary>
    public static double[] LinearBuckets(double start, double width, int count)
    {
        if (count <= 0) throw new ArgumentException($"{nameof(LinearBuckets)} needs a positive {nameof(count)}");
        var bounds = new double[count];
        for (var i = 0; i < count; i++, start += width) bounds[i] = start;
        return bounds;
    }

    public void Observe(double val) => Unlabelled.Observe(val);

    public void Observe(double val, long count) => Unlabelled.Observe(val, count);

    internal override Child NewChild(string labels, bool publish) => new(labels, publish, _upperBounds);

    /// <summary>One series per bucket, one for the sum, one for the count.</summary>
    public sealed class Child : ChildBase, IHistogram
    {
        private readonly Lock _lock = new();
        private readonly double[] _upperBounds;
        private readonly long[] _counts;
        private double _sum;

        internal Child(string labels, bool publish, double[] upperBounds)
            : base(labels, publish) => (_upperBounds, _counts) = (upperBounds, new long[upperBounds.Length]);

        public double Sum
        {
            get
            {
                lock (_lock) return _sum;
            }
        }

        public long Count
        {
            get
            {
                lock (_lock) return _counts.Sum();
            }
        }

        public void Observe(double val) => Observe(val, 1);

        public void Observe(double val, long count)
        {
            if (double.IsNaN(val)) return;
            var index = Array.BinarySearch(_upperBounds, val);
            lock (_lock)
            {
                _counts[index < 0 ? ~index : index] += count;
                _sum += val * count;
            }

            Publish();
        }

        internal override void Write(TextExposition text, string name)
        {
            long[] counts;
            double sum;
            lock (_lock) (counts, sum) = ([.. _counts], _sum);
            text.Sample(name + "_sum", Labels, sum);
            text.Sample(name + "_count", Labels, counts.Sum());
            var cumulative = 0L;
            for (var i = 0; i < counts.Length; i++)
            {
                cumulative += counts[i];
                var le = $"le=\"{TextExposition.Number(_upperBounds[i])}\"";
                text.Sample(name + "_bucket", Labels.Length == 0 ? le : $"{Labels},{le}", cumulative);
            }
        }
    }
}
