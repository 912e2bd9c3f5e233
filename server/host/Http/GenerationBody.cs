using System.Text.Json.Serialization;
using Btx.Engine.Grammars;

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

    protected static RequestRejectedException Invalid(string parameter, string message) => RequestRejectedException.For(parameter, message);
}

/// <summary>The fields that every body has that asks for text. One that is null counts as absent.</summary>
internal abstract record GenerationBody : RequestObject
{
    public string? Model { get; init; }

    public V1.Routing? Routing { get; init; }

    public int? MaxTokens { get; init; }

    public int? N { get; init; }

    public IReadOnlyList<string>? Stop { get; init; }

    public IReadOnlyList<int>? StopTokenIds { get; init; }

    public int? MinTokens { get; init; }

    public bool? IgnoreEos { get; init; }

    public bool? Stream { get; init; }

    public StreamOptions? StreamOptions { get; init; }

    public double? Temperature { get; init; }

    public double? TopP { get; init; }

    public int? TopK { get; init; }

    public double? MinP { get; init; }

    public double? RepetitionPenalty { get; init; }

    public double? PresencePenalty { get; init; }

    public double? FrequencyPenalty { get; init; }

    public IReadOnlyDictionary<int, double>? LogitBias { get; init; }

    public long? Seed { get; init; }

    public ResponseFormat? ResponseFormat { get; init; }

    public bool? IncludeExperts { get; init; }

    public string? User { get; init; }

    /// <summary>What the rules call a field that is a part of the routing, and what this body has it in.</summary>
    public IEnumerable<(string Field, string Name)> RoutingNames => Model is null ? []
        : Routing is null ? [("select", "model")] : [("model", "routing"), ("select", "routing")];

    /// <summary>The one place that turns these fields into the engine's terms.</summary>
    /// <param name="forest">What is served.</param>
    /// <param name="maxTokens">Where the body has none.</param>
    /// <param name="logProbs">Null: not asked for; else how many alternatives per token, 0 for the chosen token only.</param>
    /// <exception cref="RequestRejectedException">The body asks for something that there is not, or contradicts itself.</exception>
    protected AskedGeneration Read(ForestDescription forest, int maxTokens, int? logProbs)
    {
        RefuseOthers();
        StreamOptions?.RefuseOthers("stream_options.");
        if (User is { Length: > RequestLimits.MaxNameLength })
            throw Invalid("user", $"user has {User.Length} characters; at most {RequestLimits.MaxNameLength} are taken");
        var model = ModelId.Parse(Model ?? throw Invalid("model", "model is missing; GET /v1/models lists them"), forest, Routing);
        if (StreamOptions is not null && Stream != true) throw Invalid("stream_options", "stream_options is given without stream: true");
        if (N is < 1 or > RequestLimits.MaxChoices) throw Invalid("n", $"n is {N}; expected 1..{RequestLimits.MaxChoices}");
        var defaults = new SamplingOptions();
        var generation = new GenerationRequest
        {
            Prompt = [],
            Routing = model.Routing,
            MaxTokens = MaxTokens ?? maxTokens,
            Stop = Stop ?? [],
            TopLogProbs = logProbs ?? 0,
            ReportExperts = IncludeExperts ?? false,
            IgnoreEndOfSequence = IgnoreEos ?? false,
            Sampling = new()
            {
                Temperature = Temperature ?? defaults.Temperature,
                TopP = TopP ?? defaults.TopP,
                TopK = TopK ?? defaults.TopK,
                MinP = MinP ?? defaults.MinP,
                RepetitionPenalty = RepetitionPenalty ?? defaults.RepetitionPenalty,
                PresencePenalty = PresencePenalty ?? defaults.PresencePenalty,
                FrequencyPenalty = FrequencyPenalty ?? defaults.FrequencyPenalty,
                LogitBias = LogitBias ?? defaults.LogitBias,
                MinTokens = MinTokens ?? defaults.MinTokens,
                StopTokenIds = StopTokenIds ?? defaults.StopTokenIds,
                Seed = Seed,
            },
            Grammar = ResponseFormat?.Grammar(),
        };
        return new(model.Name, generation, N ?? 1, logProbs, Stream ?? false, StreamOptions?.IncludeUsage ?? false);
    }
}

internal sealed record StreamOptions(bool? IncludeUsage) : RequestObject;

/// <param name="Type">text, json_object or json_schema.</param>
internal sealed record ResponseFormat(string? Type, NamedSchema? JsonSchema) : RequestObject
{
    /// <summary>What the answer is held to; null: nothing.</summary>
    /// <exception cref="RequestRejectedException">The type is unknown, or its schema is missing or cannot be served.</exception>
    public OutputGrammar? Grammar()
    {
        RefuseOthers("response_format.");
        JsonSchema?.RefuseOthers("response_format.json_schema.");
        if (JsonSchema is not null && Type != "json_schema")
            throw Invalid("response_format.json_schema", "response_format.json_schema is for type json_schema");
        return Type switch
        {
            "text" => null,
            "json_object" => OutputGrammar.AnyObject,
            "json_schema" => OutputGrammar.FromSchema(JsonSchema?.Schema?.Value
                ?? throw Invalid("response_format.json_schema", "response_format.json_schema.schema is missing"), "response_format"),
            _ => throw Invalid("response_format.type",
                $"response_format.type is \"{BtxException.OneLine(Type ?? "", 100)}\"; use text, json_object or json_schema"),
        };
    }
}

/// <param name="Strict">Says nothing, as name and description do: an answer is always held to the schema.</param>
internal sealed record NamedSchema(string? Name, string? Description, bool? Strict, JsonSchema? Schema) : RequestObject;

/// <param name="Value">An object.</param>
internal sealed record JsonSchema(JsonElement Value);

/// <summary>What a body asks for, in the engine's terms.</summary>
/// <param name="Model">The model's id as the answer repeats it.</param>
/// <param name="Generation">But for the prompt's tokens.</param>
/// <param name="Choices">Answers to each prompt.</param>
/// <param name="LogProbs">Null: not asked for; else how many alternatives per token, 0 for the chosen token only.</param>
internal sealed record AskedGeneration(string Model, GenerationRequest Generation, int Choices, int? LogProbs, bool Stream,
    bool IncludeUsage)
{
    /// <summary>The generations of several prompts: <paramref name="each"/> of the first, then of the second, and so on. Of those of one
    /// prompt, number i has the seed + i.</summary>
    public IReadOnlyList<GenerationRequest> For(IEnumerable<int[]> prompts, int each) =>
        [.. prompts.SelectMany(prompt => Enumerable.Range(0, each).Select(i => Generation with
        {
            Prompt = prompt,
            Sampling = Generation.Sampling with { Seed = unchecked(Generation.Sampling.Seed + i) },
        }))];

    /// <summary>Refuses more answers, or longer ones, than one request may ask for.</summary>
    /// <param name="number">Of answers, all prompts together.</param>
    /// <param name="field">What asks for more than one.</param>
    public void RequireBounded(long number, string field)
    {
        if (number > RequestLimits.MaxChoices)
            throw RequestRejectedException.For(field, $"{field} asks for {number} answers; at most {RequestLimits.MaxChoices} are taken");
        if (number > 1 && number * Generation.MaxTokens > RequestLimits.MaxAnswerTokens)
            throw RequestRejectedException.For(field, $"{field} asks for {number} answers of up to {Generation.MaxTokens} tokens; at most "
                + $"{RequestLimits.MaxAnswerTokens} tokens are taken together: ask for fewer, or lower max_tokens");
    }
}
