using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Btx.Server.Http;

/// <summary>Several generations of one request.</summary>
internal static class Generations
{
    /// <summary>Hands all to the engine at once. If one fails, or the reader leaves, all end.</summary>
    /// <returns>Their events as they come, each with the index of its generation.</returns>
    /// <inheritdoc cref="InferenceService.Generate"/>
    public static async IAsyncEnumerable<(int Index, TokenEvent Event)> RunAsync(InferenceService service,
        IReadOnlyList<GenerationRequest> requests, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var all = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        if (requests is [var only])
        {
            try
            {
                await foreach (var e in service.Generate(only, all.Token)) yield return (0, e);
            }
            finally
            {
                await all.CancelAsync();
            }

            yield break;
        }

        var events = Channel.CreateBounded<(int, TokenEvent)>(requests.Count);
        var left = requests.Count;
        async Task ReadAsync(int index)
        {
            try
            {
                await foreach (var e in service.Generate(requests[index], all.Token))
                    await events.Writer.WriteAsync((index, e), all.Token);
                if (Interlocked.Decrement(ref left) == 0) events.Writer.Complete();
            }
            catch (Exception e)
            {
                events.Writer.TryComplete(e);
            }
        }

        var reading = Task.WhenAll(Enumerable.Range(0, requests.Count).Select(ReadAsync));
        try
        {
            await foreach (var e in events.Reader.ReadAllAsync(cancellation)) yield return e;
        }
        finally
        {
            await all.CancelAsync();
            await reading;
        }
    }
}
