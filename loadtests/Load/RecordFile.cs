using System.Text.Json;
using System.Threading.Channels;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Load;

/// <summary>Appends records as requests end, a line each, flushed; on a thread of its own, so that no request waits for the disk.</summary>
public sealed class RecordFile : IAsyncDisposable
{
    private readonly Channel<RequestRecord> _records = Channel.CreateUnbounded<RequestRecord>(new() { SingleReader = true });
    private readonly FileStream _file;
    private readonly Task _written;

    /// <param name="path">Made, or made anew.</param>
    /// <exception cref="LoadTestException">It cannot be written.</exception>
    public RecordFile(string path)
    {
        try
        {
            if (Path.GetDirectoryName(path) is { Length: > 0 } folder) Directory.CreateDirectory(folder);
            _file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LoadTestException($"{path} cannot be written: {e.Message}", e);
        }

        _written = Task.Run(WriteAsync);
    }

    public void Add(RequestRecord record) => _records.Writer.TryWrite(record);

    /// <summary>Writes what is left. <exception cref="IOException">The disk is full.</exception></summary>
    public async ValueTask DisposeAsync()
    {
        _records.Writer.TryComplete();
        try
        {
            await _written.ConfigureAwait(false);
        }
        finally
        {
            await _file.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async Task WriteAsync()
    {
        while (await _records.Reader.WaitToReadAsync().ConfigureAwait(false))
        {
            while (_records.Reader.TryRead(out var record))
            {
                JsonSerializer.Serialize(_file, record, RunJson.Line);
                _file.WriteByte((byte)'\n');
            }

            await _file.FlushAsync().ConfigureAwait(false);
        }
    }
}
