namespace Btx.Server.Http;

/// <summary>The body of <c>POST /v1/completions</c>.</summary>
internal sealed record CompletionBody : GenerationBody
{
    public IReadOnlyList<Prompt>? Prompt { get; init; }

    public int? Logprobs { get; init; }

    public bool? Echo { get; init; }

    public int? BestOf { get; init; }

    public string? Suffix { get; init; }

    /// <inheritdoc cref="GenerationBody.Read"/>
    public CompletionRequest ToRequest(ForestDescription forest)
    {
        var asked = Read(forest, RequestLimits.DefaultMaxTokens, Logprobs);
        if (Suffix is { Length: > 0 }) throw Invalid("suffix", "suffix is not supported: the models read from left to right");
        if (BestOf < asked.Choices) throw Invalid("best_of", $"best_of is {BestOf}; expected n or more, and n is {asked.Choices}");
        var request = new CompletionRequest(asked, Prompt ?? [default], Echo ?? false, BestOf ?? asked.Choices);
        if (request.Candidates > asked.Choices && asked.Stream)
            throw Invalid("best_of", "best_of above n is chosen from whole answers; leave out stream");
        if (request is { Asked.Generation.MaxTokens: 0, Echo: false })
            throw Invalid("max_tokens", "max_tokens is 0; expected 1 or more, or 0 with echo: true to score the prompt");
        if (request is { IsOnlyEcho: true, Asked.Generation.ReportExperts: true })
            throw Invalid("include_experts", "include_experts reports the generated tokens; with max_tokens 0 there are none");
        asked.RequireBounded((long)request.Prompts.Count * request.Candidates,
            request.Prompts.Count > 1 ? "prompt" : request.Candidates > asked.Choices ? "best_of" : "n");
        return request;
    }
}

/// <param name="Echo">The answer begins with the prompt.</param>
/// <param name="Candidates">Answers that are made for each prompt, of which the best <see cref="AskedGeneration.Choices"/> are
/// given.</param>
internal sealed record CompletionRequest(AskedGeneration Asked, IReadOnlyList<Prompt> Prompts, bool Echo, int Candidates)
{
    /// <summary>Nothing is generated: the answer is the prompt.</summary>
    public bool IsOnlyEcho => Echo && Asked.Generation.MaxTokens == 0;
}
