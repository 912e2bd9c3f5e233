using Btx.Engine.Grammars;

namespace Btx.Server.Requests;

/// <summary>Reads requests that may have schemas. Compiling one takes up to a second of a processor: few are compiled at a time, on threads
/// of their own, so that the rest of the server goes on however many come.</summary>
internal static class SchemaReading
{
    private const int MostWaiting = 64;
    private static readonly SemaphoreSlim s_room = new(Math.Max(1, Environment.ProcessorCount / 2));
    private static int s_waiting;

    /// <param name="read">Checks and translates a request; it may be called twice.</param>
    /// <param name="allow">Refuses a caller that may not have the model, before a schema is compiled for it.</param>
    /// <exception cref="RequestRejectedException">The request breaks a rule, or as many schemas wait as may (busy).</exception>
    public static async Task<T> ReadAsync<T>(Func<T> read, Action allow, CancellationToken cancellation)
    {
        if (OutputGrammar.TryMake(read, out var made)) return made;
        allow();
        try
        {
            if (Interlocked.Increment(ref s_waiting) > MostWaiting)
                throw new RequestRejectedException(ErrorKind.Busy, "as many new schemas wait to be compiled as may; try again");
            await s_room.WaitAsync(cancellation);
            try
            {
                return await Task.Factory.StartNew(read, cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            }
            finally
            {
                s_room.Release();
            }
        }
        finally
        {
            Interlocked.Decrement(ref s_waiting);
        }
    }
}
