using System.Text;
using Prometheus;

namespace Btx.Standins.Tests.Prometheus;

/// <summary>Values, labels and registration.</summary>
public sealed class MetricTests
{
    private readonly CollectorRegistry _registry = Metrics.NewCustomRegistry();

    private MetricFactory Factory => Metrics.WithCustomRegistry(_registry);

    [Fact]
    public async Task Unlabelled_counter_is_published_at_zero_and_counts()
    {
        var counter = Factory.CreateCounter("a_total", "Help.");
        Assert.Contains("a_total 0\n", await Export(), StringComparison.Ordinal);
        counter.Inc();
        counter.Inc(1.5);
        Assert.Equal(2.5, counter.Value);
        Assert.Contains("# HELP a_total Help.\n# TYPE a_total counter\na_total 2.5\n", await Export(), StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => counter.Inc(-1));
    }

    [Fact]
    public async Task Labels_make_series_and_are_escaped()
    {
        var gauge = Factory.CreateGauge("g", "Help.", ["x", "y"]);
        gauge.WithLabels("1", "a\"b\\c\nd").Set(7);
        gauge.WithLabels("1", "a\"b\\c\nd").Dec(2);
        Assert.Contains("g{x=\"1\",y=\"a\\\"b\\\\c\\nd\"} 5\n", await Export(), StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => gauge.WithLabels("1"));
    }

    [Fact]
    public async Task A_callback_sets_what_is_read_at_collection()
    {
        var gauge = Factory.CreateGauge("g", "Help.");
        var reading = 3;
        _registry.AddBeforeCollectCallback(() => gauge.Set(reading++));
        Assert.Contains("g 3\n", await Export(), StringComparison.Ordinal);
        Assert.Contains("g 4\n", await Export(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Histogram_buckets_are_cumulative()
    {
        var histogram = Factory.CreateHistogram("h_seconds", "Help.", new HistogramConfiguration { Buckets = Histogram.ExponentialBuckets(1, 2, 3) });
        foreach (var value in new[] { 0.5, 1, 3, 100 }) histogram.Observe(value);
        var text = await Export();
        Assert.Contains("h_seconds_bucket{le=\"1\"} 2\n", text, StringComparison.Ordinal);
        Assert.Contains("h_seconds_bucket{le=\"2\"} 2\n", text, StringComparison.Ordinal);
        Assert.Contains("h_seconds_bucket{le=\"4\"} 3\n", text, StringComparison.Ordinal);
        Assert.Contains("h_seconds_bucket{le=\"+Inf\"} 4\n", text, StringComparison.Ordinal);
        Assert.Contains("h_seconds_sum 104.5\n", text, StringComparison.Ordinal);
        Assert.Contains("h_seconds_count 4\n", text, StringComparison.Ordinal);
        Assert.Equal(4, histogram.Count);
        Assert.Equal(104.5, histogram.Sum);
    }

    [Fact]
    public async Task Summary_has_sum_and_count()
    {
        Factory.CreateSummary("s", "Help.").Observe(3);
        var text = await Export();
        Assert.Contains("s_sum 3\n", text, StringComparison.Ordinal);
        Assert.Contains("s_count 1\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Bucket_bounds()
    {
        Assert.Equal([1, 10, 100], Histogram.ExponentialBuckets(1, 10, 3));
        Assert.Equal([1, 3, 5], Histogram.LinearBuckets(1, 2, 3));
        Assert.Throws<ArgumentException>(() => Histogram.ExponentialBuckets(0, 2, 3));
        Assert.Throws<ArgumentException>(() => Histogram.ExponentialBuckets(1, 1, 3));
        Assert.Throws<ArgumentException>(() => Factory.CreateHistogram("bad", "Help.", new HistogramConfiguration { Buckets = [2, 1] }));
    }

    [Fact]
    public void Same_name_is_the_same_metric_or_an_error()
    {
        var first = Factory.CreateCounter("c_total", "Help.", ["l"]);
        Assert.Same(first, Factory.CreateCounter("c_total", "Help.", ["l"]));
        Assert.Throws<InvalidOperationException>(() => Factory.CreateGauge("c_total", "Help.", ["l"]));
    }

    [Theory]
    [InlineData("1a")]
    [InlineData("a-b")]
    public void Bad_names_are_refused(string name) => Assert.Throws<ArgumentException>(() => Factory.CreateCounter(name, "Help."));

    [Fact]
    public async Task Suppressed_initial_value_shows_after_publish()
    {
        var gauge = Factory.CreateGauge("later", "Help.", new GaugeConfiguration { SuppressInitialValue = true });
        Assert.DoesNotContain("later 0", await Export(), StringComparison.Ordinal);
        gauge.Set(0);
        Assert.Contains("later 0\n", await Export(), StringComparison.Ordinal);
    }

    [Fact]
    public void Parallel_increments_are_all_counted()
    {
        var counter = Factory.CreateCounter("p_total", "Help.", ["l"]);
        Parallel.For(0, 10_000, i => counter.WithLabels((i % 3).ToString()).Inc());
        Assert.Equal(10_000, Enumerable.Range(0, 3).Sum(i => counter.WithLabels(i.ToString()).Value));
    }

    private async Task<string> Export()
    {
        using var stream = new MemoryStream();
        await _registry.CollectAndExportAsTextAsync(stream, TestContext.Current.CancellationToken);
        return Encoding.UTF8.GetString(stream.ToArray());
    }
}
