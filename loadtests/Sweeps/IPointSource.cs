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

/// <summary>One measurement of a sweep; see <see cref="PointResult"/>.</summary>
internal sealed record PlannedPoint(PointSettings Settings, int Repeat, int Order, bool Reference)
{
    /// <summary>Equal for the same measurement of the same sweep.</summary>
    public string Name => $"{Settings.Name}{(Reference ? "-ref" : "")}-r{Repeat}";

    /// <summary>Of its request records.</summary>
    public string FileName => $"{string.Concat(Name.Select(c => c is '/' or '\\' or ':' || char.IsControl(c) ? '_' : c))}.jsonl";

    public static string NameOf(PointResult result) =>
        new PlannedPoint(result.Settings, result.Repeat, result.Order, result.Reference).Name;
}
