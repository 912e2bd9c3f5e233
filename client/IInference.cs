namespace Btx.Client;

/// <summary>Inference in terms of its messages: on a server (<see cref="BtxClient"/>), or in the process that has the engine.</summary>
public interface IInference
{
    /// <summary>Continues a prompt, a message a token.</summary>
    IAsyncEnumerable<GenerateResponse> GenerateAsync(GenerateRequest request, CancellationToken cancellation = default);

    /// <summary>Answers a chat, a message a token or part of a call.</summary>
    IAsyncEnumerable<ChatResponse> ChatAsync(ChatRequest request, CancellationToken cancellation = default);

    /// <summary>Log-probabilities of a text.</summary>
    Task<ScoreResponse> ScoreAsync(ScoreRequest request, CancellationToken cancellation = default);

    /// <summary>The tokens of a text or a chat.</summary>
    Task<TokenizeResponse> TokenizeAsync(TokenizeRequest request, CancellationToken cancellation = default);

    /// <summary>The text of tokens.</summary>
    Task<DetokenizeResponse> DetokenizeAsync(DetokenizeRequest request, CancellationToken cancellation = default);

    /// <summary>What is served.</summary>
    Task<DescribeResponse> DescribeAsync(CancellationToken cancellation = default);
}
