using Btx.LoadTests.Clients;

namespace Btx.LoadTests.Tests.Fakes;

/// <summary>Answers as it is told, in the test's process. A prompt has as many tokens as characters.</summary>
internal sealed class FakeClient(Func<CompletionRequest, TokenArrivals, CancellationToken, Task<Answer>>? answer = null) : IServerClient
{
    private int _now;

    public int MostAtOnce { get; private set; }

    public static ServedFacts Served { get; } = new(["prose-1", "code-1"], ["prose", "code"], [], [], 0, 256, "fp32", "");

    public List<CompletionRequest> Requests { get; } = [];

    public static Answer Ok(CompletionRequest request) =>
        new(Answer.Ok) { Finish = "length", PromptTokens = request.Prompt.Length, CompletionTokens = request.MaxTokens };

    public Task<ServedFacts> DescribeAsync(CancellationToken cancellation) => Task.FromResult(Served);

    public async Task<Answer> GenerateAsync(CompletionRequest request, TokenArrivals arrivals, CancellationToken cancellation)
    {
        lock (Requests)
        {
            Requests.Add(request);
            MostAtOnce = Math.Max(MostAtOnce, ++_now);
        }

        try
        {
            if (answer is not null) return await answer(request, arrivals, cancellation);
            await Task.Yield();
            arrivals.Token(request.MaxTokens);
            return Ok(request);
        }
        finally
        {
            lock (Requests) _now--;
        }
    }

    public ValueTask DisposeAsync() => default;
}
