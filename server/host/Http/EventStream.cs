using System.Buffers;
using System.IO.Pipelines;
using System.Net.ServerSentEvents;

namespace Btx.Server.Http;

/// <summary>Server-sent events as an answer. Where nothing comes for a while a comment says that the connection lives.</summary>
internal static class EventStream
{
    private const int Together = 16 << 10; // bytes of events that came together and leave together, at most
    private static readonly TimeSpan s_quiet = TimeSpan.FromSeconds(10);

    /// <summary>A refusal before the first event, and within the time of silence, still has its own status; one that comes later is the
    /// last event.</summary>
    /// <param name="failed">Makes that event; null: it is the error in OpenAI's form.</param>
    public static async Task<IResult> AnswerAsync(HttpContext http, IAsyncEnumerable<SseItem<byte[]>> events,
        Func<OpenAiError, SseItem<byte[]>>? failed = null)
    {
        var time = http.RequestServices.GetRequiredService<TimeProvider>();
        var coming = events.GetAsyncEnumerator(http.RequestAborted);
        var first = coming.MoveNextAsync().AsTask();
        try
        {
            await first.WaitAsync(s_quiet, time); // what throws here has nothing left to dispose
        }
        catch (TimeoutException)
        {
            if (first.IsCompleted) await first; // just now; else the stream begins without it
        }

        return new Stream(time, coming, first, failed ?? (error => new(error.ToJson())));
    }

    private sealed class Stream(TimeProvider time, IAsyncEnumerator<SseItem<byte[]>> coming, Task<bool> first,
        Func<OpenAiError, SseItem<byte[]>> failed) : IResult
    {
        private bool _isQuiet;

        public async Task ExecuteAsync(HttpContext httpContext)
        {
            var headers = httpContext.Response.Headers;
            (headers.ContentType, headers.CacheControl, headers.ContentEncoding) = ("text/event-stream", "no-cache,no-store", "identity");
            headers["X-Accel-Buffering"] = "no"; // a proxy would gather the events
            using var writing = new SemaphoreSlim(1);
            var writer = ClientDetails.PlainBody(httpContext);
            await using var end = coming;
            if (!first.IsCompleted) await CommentAsync(writer);
            await using var timer = time.CreateTimer(_ => _ = KeepAliveAsync(writer, writing), null, s_quiet, s_quiet);
            await WriteAsync(httpContext, writer, writing);
            await writing.WaitAsync(CancellationToken.None); // the last comment is written, and no other begins
        }

        private async Task WriteAsync(HttpContext http, PipeWriter writer, SemaphoreSlim writing)
        {
            var next = new ValueTask<bool>(first);
            for (var more = true; more;)
            {
                SseItem<byte[]>? last = null;
                OpenAiError? error = null;
                try
                {
                    more = await next;
                }
                catch (Exception e) when ((error = OpenAiError.Of(e, http.RequestAborted)) is not null)
                {
                    error.Record(http);
                    (more, last) = (false, failed(error));
                }

                if (!more && last is null) return;
                await writing.WaitAsync(CancellationToken.None);
                try
                {
                    var length = Write(writer, last ?? coming.Current);
#pragma warning disable CA2012 // each is awaited once: here where it is done already, else at the loop's top
                    if (more) next = coming.MoveNextAsync();
                    while (more && next.IsCompletedSuccessfully && length < Together)
                    {
                        more = await next;
                        if (!more) continue;
                        length += Write(writer, coming.Current);
                        next = coming.MoveNextAsync();
                    }

#pragma warning restore CA2012
                    await writer.FlushAsync(CancellationToken.None); // waits for no client that has left; the next event may be under way
                    _isQuiet = false;
                }
                finally
                {
                    writing.Release();
                }
            }
        }

        private async Task KeepAliveAsync(PipeWriter writer, SemaphoreSlim writing)
        {
            if (!writing.Wait(0)) return; // something is being written, or all is
            try
            {
                if (_isQuiet) await CommentAsync(writer);
                _isQuiet = true;
            }
            catch (Exception e) when (e is IOException or InvalidOperationException or OperationCanceledException)
            {
                // The client has left: whoever writes the next event learns of it.
            }
            finally
            {
                writing.Release();
            }
        }

        private static ValueTask<FlushResult> CommentAsync(PipeWriter writer)
        {
            writer.Write(": keep-alive\n\n"u8);
            return writer.FlushAsync();
        }

        /// <returns>How many bytes it took.</returns>
        private static int Write(PipeWriter writer, SseItem<byte[]> item)
        {
            var length = item.Data.Length + "data: \n\n".Length;
            if (item.EventType != "message") // what a client takes it for where nothing is said
            {
                writer.Write("event: "u8);
                length += "event: \n".Length + (int)Encoding.UTF8.GetBytes(item.EventType, writer);
                writer.Write("\n"u8);
            }

            writer.Write("data: "u8);
            writer.Write(item.Data);
            writer.Write("\n\n"u8);
            return length;
        }
    }
}
