using System.Text.Json;
using Btx.Engine;
using Btx.Engine.Requests;
using Btx.Server.Requests;

namespace Btx.Server.Http;

/// <summary>Reads a completion request; every refusal names the field, the value and what is expected.</summary>
internal static class CompletionRequestReader
{
    /// <summary>Fields of OpenAI's form that may be given as long as they ask for nothing, with the only value taken.</summary>
    private static readonly Dictionary<string, double> s_neutral = new(StringComparer.Ordinal)
    {
        ["n"] = 1,
        ["best_of"] = 1,
        ["presence_penalty"] = 0,
        ["frequency_penalty"] = 0,
    };

    private static readonly HashSet<string> s_known = new(StringComparer.Ordinal)
    {
        "model", "prompt", "max_tokens", "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "seed", "stop", "logprobs",
            "echo", "stream",
        "stream_options", "include_experts", "ignore_eos", "user", "suffix", "logit_bias", "n", "best_of", "presence_penalty",
            "frequency_penalty",
    };

    private static readonly HashSet<string> s_streamOptions = new(StringComparer.Ordinal) { "include_usage" };

    /// <param name="forest">What is served.</param>
    /// <exception cref="InvalidRequestException">The body breaks a rule.</exception>
    /// <exception cref="JsonException">The body is not JSON, or not valid UTF-8.</exception>
    public static async Task<CompletionRequest> ReadAsync(Stream body, ForestDescription forest, CancellationToken cancellation)
    {
        using var document = await JsonDocument.ParseAsync(body, new() { MaxDepth = 16 }, cancellation).ConfigureAwait(false);
        if (document.RootElement.ValueKind != JsonValueKind.Object) throw Invalid("body", "the body is not a JSON object");
        var fields = new Fields(document.RootElement, s_known);
        RefuseUnsupported(fields);
        var model = ModelId.Parse(fields.String("model") ?? throw Invalid("model", "model is missing; GET /v1/models lists them"), forest);
        var defaults = new SamplingOptions();
        var logProbs = fields.Integer("logprobs");
        var stream = fields.Boolean("stream") ?? false;
        var request = new CompletionRequest
        {
            Model = model.Name,
            Prompt = ReadPrompt(fields),
            LogProbs = logProbs,
            Echo = fields.Boolean("echo") ?? false,
            Stream = stream,
            IncludeUsage = IncludeUsage(fields, stream),
            Generation = new()
            {
                Prompt = [],
                Routing = model.Routing,
                MaxTokens = fields.Integer("max_tokens") ?? RequestLimits.DefaultMaxTokens,
                Stop = ReadStop(fields),
                TopLogProbs = logProbs ?? 0,
                ReportExperts = fields.Boolean("include_experts") ?? false,
                IgnoreEndOfSequence = fields.Boolean("ignore_eos") ?? false,
                Sampling = new()
                {
                    Temperature = fields.Number("temperature") ?? defaults.Temperature,
                    TopP = fields.Number("top_p") ?? defaults.TopP,
                    TopK = fields.Integer("top_k") ?? defaults.TopK,
                    MinP = fields.Number("min_p") ?? defaults.MinP,
                    RepetitionPenalty = fields.Number("repetition_penalty") ?? defaults.RepetitionPenalty,
                    Seed = fields.Long("seed"),
                },
            },
        };
        if (request is { Generation.MaxTokens: 0, Echo: false })
            throw Invalid("max_tokens", "max_tokens is 0; expected 1 or more, or 0 with echo: true to score the prompt");
        if (request is { IsOnlyEcho: true, Generation.ReportExperts: true })
            throw Invalid("include_experts", "include_experts reports the generated tokens; with max_tokens 0 there are none");
        return request;
    }

    private static void RefuseUnsupported(Fields fields)
    {
        foreach (var (name, only) in s_neutral)
        {
            if (fields.Number(name) is { } value && value != only) throw Invalid(name, $"{name} is {value}; this server takes {only} only");
        }

        if (fields.String("suffix") is { Length: > 0 })
            throw Invalid("suffix", "suffix is not supported: the models read from left to right");
        if (fields.Get("logit_bias") is { } bias && !(bias.ValueKind == JsonValueKind.Object && !bias.EnumerateObject().Any()))
            throw Invalid("logit_bias", "logit_bias is not supported");
        if (fields.String("user") is { Length: > RequestLimits.MaxNameLength } user)
            throw Invalid("user", $"user has {user.Length} characters; at most {RequestLimits.MaxNameLength} are taken");
    }

    private static bool IncludeUsage(Fields fields, bool stream)
    {
        if (fields.Get("stream_options") is not { } options) return false;
        if (!stream) throw Invalid("stream_options", "stream_options is given without stream: true");
        if (options.ValueKind != JsonValueKind.Object) throw Invalid("stream_options", "stream_options is not an object");
        return new Fields(options, s_streamOptions, "stream_options.").Boolean("include_usage") ?? false;
    }

    private static Prompt ReadPrompt(Fields fields)
    {
        if (fields.Get("prompt") is not { } prompt) return default;
        if (prompt.ValueKind == JsonValueKind.String) return Prompt.FromText(Fields.Text(prompt, "prompt"));
        if (prompt.ValueKind != JsonValueKind.Array) throw Invalid("prompt", "prompt is neither a string nor an array");
        if (prompt.GetArrayLength() == 0) return Prompt.FromText("");
        if (prompt[0].ValueKind == JsonValueKind.Number)
            return Prompt.FromTokens([.. prompt.EnumerateArray().Select(id => Fields.Whole(id, "prompt"))]);
        if (prompt.GetArrayLength() > 1)
            throw Invalid("prompt", $"prompt holds {prompt.GetArrayLength()} prompts; send one request for each");
        var only = prompt[0];
        return only.ValueKind == JsonValueKind.Array
            ? Prompt.FromTokens([.. only.EnumerateArray().Select(id => Fields.Whole(id, "prompt"))])
            : Prompt.FromText(Fields.Text(only, "prompt"));
    }

    private static string[] ReadStop(Fields fields) => fields.Get("stop") switch
    {
        null => [],
        { ValueKind: JsonValueKind.String } one => [Fields.Text(one, "stop")],
        { ValueKind: JsonValueKind.Array } several => [.. several.EnumerateArray().Select(stop => Fields.Text(stop, "stop"))],
        _ => throw Invalid("stop", "stop is neither a string nor an array of strings"),
    };

    private static InvalidRequestException Invalid(string parameter, string message) => InvalidRequestException.For(parameter, message);
}
