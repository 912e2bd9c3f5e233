namespace Btx.Trainer.Checkpoints;

/// <summary>Holds a directory for one process; the operating system drops it when the process ends, however it ends.</summary>
public static class RunLock
{
    public const string FileName = ".lock";

    /// <param name="wait">Wait for the process that holds it instead of failing.</param>
    /// <returns>To be disposed.</returns>
    /// <exception cref="BtxException">Another process holds it, or the directory cannot be written.</exception>
    public static IDisposable Acquire(string directory, bool wait = false, CancellationToken cancellation = default)
    {
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                Directory.CreateDirectory(directory);
                return new FileStream(Path.Combine(directory, FileName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1);
            }
            catch (IOException) when (wait && Directory.Exists(directory))
            {
                cancellation.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(250));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new BtxException(e is UnauthorizedAccessException ? $"cannot write to {directory}: {e.Message}"
                    : !Directory.Exists(directory) ? $"cannot create {directory}: {e.Message}"
                    : $"{directory} is in use by another process of btx ({e.Message}); wait for it or choose another directory", e);
            }
        }
    }
}
