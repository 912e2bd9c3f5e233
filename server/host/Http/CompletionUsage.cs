namespace Btx.Server.Http;

/// <summary>Tokens of a completion, in OpenAI's form.</summary>
internal sealed record CompletionUsage(int PromptTokens, int CompletionTokens)
{
    public int TotalTokens => PromptTokens + CompletionTokens;
}
