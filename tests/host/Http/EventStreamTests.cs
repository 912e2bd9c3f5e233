using System.IO.Pipelines;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text;
using System.Threading.Channels;
using Btx.Cli.Tests;
using Btx.Engine;
using Btx.Model;
using Btx.Server.Http;
using Btx.Server.Tests.Fakes;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Btx.Server.Tests.Http;

/// <summary>Server-sent events: what is sent while nothing comes, and that each event leaves as it comes.</summary>
public sealed class EventStreamTests
{
    private const string Comment = ": keep-alive\n\n";
    private readonly ManualClock _clock = new();
    private readonly Channel<string> _events = Channel.CreateUnbounded<string>();
    private readonly MemoryStream _sent = new();
    private readonly DefaultHttpContext _http;

    public EventStreamTests() => _http = new()
    {
        RequestServices = new ServiceCollection().AddSingleton<TimeProvider>(_clock).BuildServiceProvider(),
        Response = { Body = _sent },
    };

    [Fact]
    public async Task A_comment_is_sent_while_nothing_comes_and_none_while_something_does()
    {
        _events.Writer.TryWrite("a");
        var running = (await EventStream.AnswerAsync(_http, EventsAsync(default))).ExecuteAsync(_http);
        await SentAsync("data: a\n\n");
        _clock.Advance(10); // an event came within that time
        await SentAsync("data: a\n\n");
        _clock.Advance(10);
        await SentAsync("data: a\n\n" + Comment);
        _events.Writer.TryWrite("b");
        await SentAsync($"data: a\n\n{Comment}data: b\n\n");
        _clock.Advance(10);
        _events.Writer.Complete();
        await running;
        _clock.Advance(20); // nothing is written to an answer that has ended
        Assert.Equal($"data: a\n\n{Comment}data: b\n\n", Sent());
        Assert.Equal("text/event-stream", _http.Response.ContentType);
    }

    [Fact]
    public async Task A_stream_whose_first_event_takes_long_begins_without_it_and_a_refusal_is_its_last_event()
    {
        var answer = EventStream.AnswerAsync(_http, EventsAsync(default));
        Assert.False(answer.IsCompleted);
        _clock.Advance(10);
        var running = (await answer).ExecuteAsync(_http);
        await SentAsync(Comment);
        _events.Writer.Complete(new RequestRejectedException(ErrorKind.Busy, "full"));
        await running;
        Assert.StartsWith(Comment + "data: {\"error\":{\"message\":\"full\"", Sent(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_refusal_before_the_first_event_has_its_own_status()
    {
        _events.Writer.Complete(new RequestRejectedException(ErrorKind.Busy, "full"));
        await Assert.ThrowsAsync<RequestRejectedException>(() => EventStream.AnswerAsync(_http, EventsAsync(default)));
        Assert.Empty(Sent());
    }

    [Theory]
    [InlineData("/v1/completions", "\"prompt\":\"a\"")]
    [InlineData("/v1/chat/completions", "\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]")]
    [InlineData("/v1/responses", "\"input\":\"a\"")]
    [InlineData("/v1/messages", "\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]")]
    public async Task Events_leave_as_they_come_to_who_takes_compressed_answers_as_well(string path, string fields)
    {
        await using var server = await RunningServer.StartAsync();
        var hold = new TaskCompletionSource();
        server.Engine.Hold = hold.Task;
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new StringContent($"{{\"model\":\"forest\",\"stream\":true,{fields}}}", Encoding.UTF8, "application/json"),
            Headers = { { "accept-encoding", "gzip, br" } },
        };
        using var response = await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(["identity"], response.Content.Headers.ContentEncoding);
        var reader = PipeReader.Create(await response.Content.ReadAsStreamAsync());
        var begun = Encoding.UTF8.GetString((await reader.ReadAtLeastAsync(1)).Buffer);
        Assert.Contains("data: {", begun, StringComparison.Ordinal); // the engine has given one token and waits
        Assert.False(hold.Task.IsCompleted);
        hold.SetResult();
        reader.AdvanceTo((await reader.ReadAtLeastAsync(begun.Length + 1)).Buffer.End);
        await reader.CompleteAsync();
    }

    private async IAsyncEnumerable<SseItem<byte[]>> EventsAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var e in _events.Reader.ReadAllAsync(cancellation)) yield return new(Encoding.UTF8.GetBytes(e));
    }

    private string Sent() => Encoding.UTF8.GetString(_sent.ToArray());

    private Task SentAsync(string expected) => Patience.UntilAsync(() => Sent() == expected, expected);
}
