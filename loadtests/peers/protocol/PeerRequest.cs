namespace Btx.Peers;

/// <summary>A prompt to continue greedily, to exactly <see cref="MaxTokens"/> unless the context ends before.</summary>
internal sealed record PeerRequest(long Id, int[] Prompt, int MaxTokens);
