using Btx.LoadTests.Records;

namespace Btx.LoadTests.Measuring;

/// <summary>Reads the server's counters and this process's processor time where measuring begins and where
/// it ends. Opens once and closes once.</summary>
internal sealed class MeasuredWindow(ServerMetrics? metrics, TimeProvider time) : IDisposable
{
    private readonly SemaphoreSlim _one = new(1);
    private MetricsPage? _before;
    private long _opened, _read;
    private TimeSpan _processor;

    public bool IsOpen { get; private set; }

    public bool IsClosed { get; private set; }

    /// <summary>Null before the window is closed, or without metrics.</summary>
    public ServerFigures? Figures { get; private set; }

    /// <summary>Processor seconds of this process a second.</summary>
    public double ProcessorShare { get; private set; }

    public async Task OpenAsync(CancellationToken cancellation)
    {
        await _one.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            if (IsOpen) return;
            if (metrics is not null) _before = await metrics.ReadAsync(cancellation).ConfigureAwait(false);
            _read = _opened = time.GetTimestamp();
            _processor = Environment.CpuUsage.TotalTime;
            IsOpen = true;
        }
        finally
        {
            _one.Release();
        }
    }

    public async Task CloseAsync(CancellationToken cancellation)
    {
        await _one.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            if (!IsOpen || IsClosed) return;
            IsClosed = true;
            ProcessorShare = (Environment.CpuUsage.TotalTime - _processor).TotalSeconds / Math.Max(1e-9,
                time.GetElapsedTime(_opened).TotalSeconds);
            if (_before is null || await metrics!.ReadAsync(cancellation).ConfigureAwait(false) is not { } after) return;
            Figures = ServerDifference.Of(_before, after) with { Seconds = time.GetElapsedTime(_read).TotalSeconds };
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();
}
