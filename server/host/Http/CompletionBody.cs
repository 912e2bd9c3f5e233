using System.Text.Json.Serialization;

namespace Btx.Server.Http;

/// <summary>A JSON object of a request; what its record does not declare is kept, to be refused by name.</summary>
internal abstract record RequestObject
{
    /// <summary>OpenAI's fields that change nothing about an answer: taken and ignored. docs/guide.md lists them.</summary>
    private static readonly HashSet<string> s_ignored = new(StringComparer.Ordinal)
    {
        "metadata", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "service_tier", "store",
    };

    /// <param name="path">Of the body's own field.</param>
    public static bool IsIgnored(string path) => s_ignored.Contains(path);

    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Others { get; set; }

    /// <param name="prefix">Before a field's name; empty: of the body itself, where some fields are ignored.</param>
    /// <exception cref="RequestRejectedException">A field is unknown.</exception>
    public void RefuseOthers(string prefix = "")
    {
        if (Others?.Keys.FirstOrDefault(name => !IsIgnored(prefix + name)) is { } unknown)
            throw RequestRejectedException.For(prefix + unknown, $"unknown field \"{prefix}{BtxException.OneLine(unknown, 100)}\"");
    }
}

/// <summary>The body of <c>POST /v1/completions</c>. A field that is null counts as absent.</summary>
internal sealed record CompletionBody(
    string? Model, Prompt? Prompt, int? MaxTokens, IReadOnlyList<string>? Stop, bool? Stream, StreamOptions? StreamOptions,
    double? Temperature, double? TopP, int? TopK, double? MinP, double? RepetitionPenalty, long? Seed,
    int? Logprobs, bool? Echo, bool? IncludeExperts, bool? IgnoreEos, string? User,
    double? N, double? BestOf, double? PresencePenalty, double? FrequencyPenalty, string? Suffix, JsonElement? LogitBias) : RequestObject
{
    /// <param name="forest">What is served.</param>
    /// <exception cref="RequestRejectedException">The body asks for something that there is not, or contradicts itself.</exception>
    public CompletionRequest ToRequest(ForestDescription forest)
    {
        RefuseOthers();
        StreamOptions?.RefuseOthers("stream_options.");
        RefuseUnsupported();
        var model = ModelId.Parse(Model ?? throw Invalid("model", "model is missing; GET /v1/models lists them"), forest);
        if (StreamOptions is not null && Stream != true) throw Invalid("stream_options", "stream_options is given without stream: true");
        var defaults = new SamplingOptions();
        var generation = new GenerationRequest
        {
            Prompt = [],
            Routing = model.Routing,
            MaxTokens = MaxTokens ?? RequestLimits.DefaultMaxTokens,
            Stop = Stop ?? [],
            TopLogProbs = Logprobs ?? 0,
            ReportExperts = IncludeExperts ?? false,
            IgnoreEndOfSequence = IgnoreEos ?? false,
            Sampling = new()
            {
                Temperature = Temperature ?? defaults.Temperature,
                TopP = TopP ?? defaults.TopP,
                TopK = TopK ?? defaults.TopK,
                MinP = MinP ?? defaults.MinP,
                RepetitionPenalty = RepetitionPenalty ?? defaults.RepetitionPenalty,
                Seed = Seed,
            },
        };
        var request = new CompletionRequest(model.Name, Prompt ?? default, generation, Logprobs, Echo ?? false, Stream ?? false,
            StreamOptions?.IncludeUsage ?? false);
        if (request is { Generation.MaxTokens: 0, Echo: false })
            throw Invalid("max_tokens", "max_tokens is 0; expected 1 or more, or 0 with echo: true to score the prompt");
        if (request is { IsOnlyEcho: true, Generation.ReportExperts: true })
            throw Invalid("include_experts", "include_experts reports the generated tokens; with max_tokens 0 there are none");
        return request;
    }

    /// <summary>What this server does not do may be asked for as long as it is asked for nothing.</summary>
    private void RefuseUnsupported()
    {
        foreach (var (name, value, only) in new[] { ("n", N, 1), ("best_of", BestOf, 1), ("presence_penalty", PresencePenalty, 0),
            ("frequency_penalty", FrequencyPenalty, 0) })
        {
            if (value is not null && value != only) throw Invalid(name, $"{name} is {value}; this server takes {only} only");
        }

        if (Suffix is { Length: > 0 }) throw Invalid("suffix", "suffix is not supported: the models read from left to right");
        if (LogitBias is { } bias && !(bias.ValueKind == JsonValueKind.Object && !bias.EnumerateObject().Any()))
            throw Invalid("logit_bias", "logit_bias is not supported");
        if (User is { Length: > RequestLimits.MaxNameLength })
            throw Invalid("user", $"user has {User.Length} characters; at most {RequestLimits.MaxNameLength} are taken");
    }

    private static RequestRejectedException Invalid(string parameter, string message) => RequestRejectedException.For(parameter, message);
}

internal sealed record StreamOptions(bool? IncludeUsage) : RequestObject;

/// <summary>A completion that is asked for, in the engine's terms.</summary>
/// <param name="Model">The model's id as the answer repeats it.</param>
/// <param name="Generation">But for the prompt's tokens.</param>
/// <param name="LogProbs">Null: not asked for; else how many alternatives per token, 0 for the chosen token only.</param>
/// <param name="Echo">The answer begins with the prompt.</param>
internal sealed record CompletionRequest(string Model, Prompt Prompt, GenerationRequest Generation, int? LogProbs, bool Echo, bool Stream,
    bool IncludeUsage)
{
    /// <summary>Nothing is generated: the answer is the prompt.</summary>
    public bool IsOnlyEcho => Echo && Generation.MaxTokens == 0;
}
