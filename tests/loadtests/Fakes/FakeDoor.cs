using Btx.LoadTests.Doors;

namespace Btx.LoadTests.Tests.Fakes;

/// <summary>Answers as it is told, in the test's process. A prompt has as many tokens as characters.</summary>
internal sealed class FakeDoor(Func<DoorRequest, TokenArrivals, CancellationToken, Task<DoorAnswer>>? answer = null) : IDoor
{
    private int _now;

    public int MostAtOnce { get; private set; }

    public string Name => "fake";

    public static ServedModel Served { get; } = new([new("prose-1", "prose"), new("code-1", "code")], null, 256, "fp32");

    public List<DoorRequest> Requests { get; } = [];

    public static DoorAnswer Ok(DoorRequest request) =>
        new(DoorAnswer.Ok) { Finish = "length", PromptTokens = request.Prompt!.Length, CompletionTokens = request.MaxTokens };

    public Task<ServedModel> DescribeAsync(CancellationToken cancellation) => Task.FromResult(Served);

    public async Task<DoorAnswer> GenerateAsync(DoorRequest request, TokenArrivals arrivals, CancellationToken cancellation)
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
