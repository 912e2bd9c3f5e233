using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Btx.Engine.Threads;

/// <summary>
/// Runs work beside the running forest on a thread of its own that the operating system prefers less (Linux: a higher nice value, which
/// belongs to the thread). Threads inherit it and cannot give it back: work must not start tasks, nor sessions with threads of their own.
/// </summary>
internal static partial class LowPriorityThread
{
    /// <summary>Added to the nice value: about a tenth of the time that a busy thread of the forest gets.</summary>
    public const int Nice = 10;

    private const int ThisThread = 0, OfThread = 0; // PRIO_PROCESS, which is a thread on Linux

    [ThreadStatic]
    private static bool isLow;

    /// <summary>Waits for the work; on such a thread already, runs it there.</summary>
    /// <exception cref="Exception">Whatever the work throws.</exception>
    public static T Run<T>(Func<T> work)
    {
        if (isLow) return work();
        T result = default!;
        ExceptionDispatchInfo? fault = null;
        var thread = new Thread(() =>
        {
            Lower();
            try
            {
                result = work();
            }
            catch (Exception e)
            {
                fault = ExceptionDispatchInfo.Capture(e);
            }
        }) { IsBackground = true, Name = "btx-beside" };
        thread.Start();
        thread.Join();
        fault?.Throw();
        return result;
    }

    /// <summary>The same without waiting on a thread of the pool.</summary>
    public static Task<T> RunAsync<T>(Func<T> work) =>
        Task.Factory.StartNew(() => Run(work), CancellationToken.None, TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach, TaskScheduler.Default);

    // Where it cannot be done the work runs as any other.
    private static void Lower()
    {
        isLow = true;
        if (!OperatingSystem.IsLinux()) return;
        try
        {
            _ = SetPriority(OfThread, ThisThread, Math.Min(19, GetPriority(OfThread, ThisThread) + Nice));
        }
        catch (Exception e) when (e is EntryPointNotFoundException or DllNotFoundException)
        {
        }
    }

    [LibraryImport("libc", EntryPoint = "getpriority")]
    private static partial int GetPriority(int which, uint who);

    [LibraryImport("libc", EntryPoint = "setpriority")]
    private static partial int SetPriority(int which, uint who, int priority);
}
