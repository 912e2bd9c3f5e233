using Btx.LoadTests.Records;

namespace Btx.LoadTests.Sweeps;

/// <summary>What a sweep measures points on: served forests, or peers.</summary>
internal interface IPointSource : IAsyncDisposable
{
    bool Measures(PointSettings settings);

    /// <summary>Measures once, warm-up included; keeps each request's record in <paramref name="requestsFile"/>.</summary>
    /// <exception cref="LoadTestException">What is measured is not there, or answers nothing.</exception>
    /// <exception cref="OperationCanceledException">Cancelled: the point does not count.</exception>
    Task<PointResult> MeasureAsync(PlannedPoint point, string requestsFile, CancellationToken cancellation);
}
