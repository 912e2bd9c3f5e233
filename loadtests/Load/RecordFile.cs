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

    /// <param name="path">Made, or made again.</param>
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

    /// <summary>Why records are missing from it; null: none is. Known when it is disposed.</summary>
    public string? Problem { get; private set; }

    public void Add(RequestRecord record) => _records.Writer.TryWrite(record);

    /// <summary>Writes what is left.</summary>
    public async ValueTask DisposeAsync()
    {
        _records.Writer.TryComplete();
        await _written;
        await TryAsync(() => _file.DisposeAsync().AsTask());
    }

    private async Task WriteAsync()
    {
        while (await _records.Reader.WaitToReadAsync())
        {
            await TryAsync(async () =>
            {
                while (_records.Reader.TryRead(out var record))
                {
                    if (Problem is not null) continue; // the load goes on, and its figures are made of what is in memory
                    JsonSerializer.Serialize(_file, record, RunJson.Line);
                    _file.WriteByte((byte)'\n');
                }

                if (Problem is null) await _file.FlushAsync();
            });
        }
    }

    private async Task TryAsync(Func<Task> write)
    {
        try
        {
            await write();
        }
        catch (IOException e)
        {
            Problem ??= $"{_file.Name} cannot be written any further: {e.Message.ReplaceLineEndings(" ")}; "
                + "the records before that are in it";
        }
    }
}
