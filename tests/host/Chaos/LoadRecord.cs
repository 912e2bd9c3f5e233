using Btx.V1;
using Grpc.Core;

namespace Btx.Server.Tests.Chaos;

/// <summary>What became of one request.</summary>
internal sealed class LoadRecord
{
    private volatile int _received;

    public required GenerateRequest Request { get; init; }

    /// <summary>Timestamps of <see cref="System.Diagnostics.Stopwatch"/>.</summary>
    public required long Began { get; init; }

    public long Ended { get; private set; }

    public List<int> Tokens { get; } = [];

    public List<double> LogProbs { get; } = [];

    /// <summary>The most probable token of each step.</summary>
    public List<int> Best { get; } = [];

    public FinishReason Finish { get; private set; }

    public string Message { get; private set; } = "";

    /// <summary>Null: the stream ended in an order.</summary>
    public Status? Failure { get; private set; }

    /// <summary>Tokens so far; read by another thread.</summary>
    public int Received => _received;

    public int[] Prompt => [.. Request.Prompt.Tokens.Ids];

    public bool IsGreedy => Request.Sampling.Temperature == 0;

    /// <summary>For messages.</summary>
    public string Name => $"{Request.Routing.Mode} k {Request.Routing.K} p {Request.Routing.P} {Request.Routing.Posterior} "
        + $"\"{Request.Routing.Expert}{Request.Routing.AverageName}\" prompt {Prompt.Length} seed {Request.Sampling.Seed}";

    public async Task RunAsync(Inference.InferenceClient client)
    {
        try
        {
            using var call = client.Generate(Request);
            await foreach (var response in call.ResponseStream.ReadAllAsync())
            {
                if (response.HasTokenId)
                {
                    Tokens.Add(response.TokenId);
                    LogProbs.Add(response.Logprob);
                    Best.Add(response.Top[0].TokenId);
                    _received = Tokens.Count;
                }

                (Finish, Message) = (response.FinishReason, response.FinishMessage);
            }
        }
        catch (RpcException e)
        {
            Failure = e.Status;
        }

        Ended = System.Diagnostics.Stopwatch.GetTimestamp();
    }
}
