using System.Runtime.InteropServices;

namespace Btx.Server.Lifetime;

/// <summary>
/// A shutdown ends, whatever hangs: a thread of its own, which needs nothing of the engine, the registry, the doors or the pool, ends the
/// process with exit code 1 when the shutdown's limit and <see cref="Grace"/> have passed.
/// </summary>
internal sealed partial class HardEnd : IDisposable
{
    /// <summary>What closing the doors and freeing the models may take after the limit.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(10);

    private readonly ManualResetEventSlim _begun = new(), _ended = new();

    /// <param name="limit">As of <see cref="ServerOptions.ShutdownLimit"/>.</param>
    public HardEnd(TimeSpan limit) => new Thread(() => Watch(limit + Grace)) { IsBackground = true, Name = "btx-hard-end" }.Start();

    /// <summary>The shutdown begins now. Idempotent.</summary>
    public void Begin() => _begun.Set();

    /// <summary>The shutdown has ended by itself.</summary>
    public void Dispose()
    {
        _ended.Set();
        _begun.Set();
    }

    private void Watch(TimeSpan time)
    {
        _begun.Wait();
        if (_ended.Wait(time)) return;
        var say = new Thread(() => Console.Error.WriteLine(
            $"error: the shutdown has not ended after {time.TotalSeconds:0.#} s, --shutdown-limit and {Grace.TotalSeconds:0} s; ending "
                + "the process (the forest's journal is whole; the next start goes on from it)"))
        {
            IsBackground = true
        };
        say.Start();
        say.Join(TimeSpan.FromSeconds(1)); // nobody may read it
        Exit(1);
    }

    // Runs nothing at exit: what hangs may hold what that would wait for.
    [LibraryImport("libc", EntryPoint = "_exit")]
    private static partial void Exit(int code);
}
