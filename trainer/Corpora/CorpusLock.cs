using Btx.Model;

namespace Btx.Trainer.Corpora;

/// <summary>
/// Keeps a second process from building into the same corpus directory, and clears what a killed one left half-written there.
/// The operating system drops the lock when the process ends, however it ends.
/// </summary>
internal sealed class CorpusLock : IDisposable
{
    private readonly FileStream stream;

    private CorpusLock(FileStream stream) => this.stream = stream;

    /// <exception cref="BtxException">Another process holds it, or the directory cannot be written.</exception>
    public static CorpusLock Acquire(string directory)
    {
        FileStream stream;
        try
        {
            Directory.CreateDirectory(directory);
            stream = new FileStream(Path.Combine(directory, ".lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new BtxException($"cannot write to {directory}: {e.Message}; choose another --out", e);
        }
        catch (IOException e)
        {
            throw new BtxException($"cannot use {directory} for a corpus: {e.Message}; is another btx corpus writing there?", e);
        }

        foreach (var left in Directory.EnumerateDirectories(directory, ".*.tmp*")) Directory.Delete(left, recursive: true);
        foreach (var left in Directory.EnumerateFiles(directory, ".*.tmp")) File.Delete(left);
        return new CorpusLock(stream);
    }

    public void Dispose() => stream.Dispose();
}
