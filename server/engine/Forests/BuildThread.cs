using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Btx.Engine.Forests;

/// <summary>
/// Slow work beside the running engine, on a thread of its own of low priority: what is served goes first. Such work must start no
/// threads, which inherit the priority for good, and complete no tasks, for which the runtime may start one.
/// </summary>
internal static partial class BuildThread
{
    // A tenth of a processor that a thread of the engine keeps busy: little for those who are served,
    // enough that a change ends on a crowded machine.
    private const int Nicer = 10;

    /// <summary>Waits for the work; throws what it threw.</summary>
    /// <param name="lowPriority">False for work that starts threads: sessions of more than one.</param>
    public static T Run<T>(Func<T> work, bool lowPriority = true)
    {
        T result = default!;
        ExceptionDispatchInfo? problem = null;
        var thread = new Thread(() =>
        {
            try
            {
                if (lowPriority && OperatingSystem.IsLinux()) _ = Nice(Nicer); // where it is refused, the work is as urgent as any
                result = work();
            }
            catch (Exception e)
            {
                problem = ExceptionDispatchInfo.Capture(e);
            }
        })
        { IsBackground = true, Name = "btx-build" };
        thread.Start();
        thread.Join();
        problem?.Throw();
        return result;
    }

    /// <inheritdoc cref="Run{T}"/>
    public static void Run(Action work, bool lowPriority = true) => Run(
        () =>
        {
            work();
            return 0;
        },
        lowPriority);

    /// <summary>Does not hold a thread of the pool meanwhile: those write what is served.</summary>
    /// <inheritdoc cref="Run{T}"/>
    public static Task<T> RunAsync<T>(Func<T> work, bool lowPriority = true)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() =>
        {
            try
            {
                done.SetResult(Run(work, lowPriority));
            }
            catch (OperationCanceledException e)
            {
                done.SetCanceled(e.CancellationToken);
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        })
        { IsBackground = true, Name = "btx-build-wait" };
        thread.Start();
        return done.Task;
    }

    // Of the calling thread alone, on Linux.
    [LibraryImport("libc", EntryPoint = "nice")]
    private static partial int Nice(int increment);
}
