namespace Btx.Server.Http.Chat;

/// <summary>The body of <c>POST /tokenize</c>, in vLLM's form: a prompt, or the messages of a chat.</summary>
/// <param name="Model">Null: any, for all models of a server have one tokenizer.</param>
/// <param name="AddSpecialTokens">The token that begins a text, before a prompt; absent: yes.</param>
/// <param name="AddGenerationPrompt">The messages end where the assistant's answer begins; absent: yes.</param>
internal sealed record TokenizeBody(string? Model, string? Prompt, bool? AddSpecialTokens, bool? ReturnTokenStrs,
    IReadOnlyList<MessageBody>? Messages, bool? AddGenerationPrompt, IReadOnlyList<ToolBody>? Tools) : RequestObject;

/// <summary>The body of <c>POST /detokenize</c>.</summary>
/// <param name="Model">As of <see cref="TokenizeBody"/>.</param>
internal sealed record DetokenizeBody(string? Model, IReadOnlyList<int>? Tokens) : RequestObject;

/// <summary><c>/tokenize</c> and <c>/detokenize</c>.</summary>
internal static class TokenizeEndpoints
{
    [Needs(Scope.Generate)]
    public static async Task<IResult> TokenizeAsync(HttpContext http, InferenceService service, ChatPrompt template)
    {
        var body = await BodyJson.ReadAsync(http, BodyJson.Requests.TokenizeBody);
        body.RefuseOthers();
        if ((body.Prompt is null) == (body.Messages is null))
            throw RequestRejectedException.For("prompt", "give either prompt or messages");
        if (body.Model is { } model) service.Model(model);
        if (body.Prompt is not null && (body.Tools is not null || body.AddGenerationPrompt is not null))
            throw RequestRejectedException.At(body.Tools is null ? "add_generation_prompt" : "tools", "is for messages; leave it out");
        var prompt = body.Prompt is { } text ? new Prompt(text)
            : await template.OfAsync(ChatMessage.All(body.Messages!), ChatTools.Of(body.Tools ?? [], ToolChoice.Auto, many: true),
                body.AddGenerationPrompt ?? true, http.RequestAborted);
        var tokens = service.Encode(prompt, body.AddSpecialTokens ?? true);
        return Results.Json(new
        {
            count = tokens.Length,
            max_model_len = service.Forest.ContextLength,
            tokens,
            token_strs = body.ReturnTokenStrs == true ? tokens.Select(service.TokenName) : null,
        });
    }

    [Needs(Scope.Generate)]
    public static async Task<IResult> DetokenizeAsync(HttpContext http, InferenceService service)
    {
        var body = await BodyJson.ReadAsync(http, BodyJson.Requests.DetokenizeBody);
        body.RefuseOthers();
        if (body.Model is { } model) service.Model(model);
        var tokens = body.Tokens ?? throw RequestRejectedException.For("tokens", "tokens is missing");
        return Results.Json(new { prompt = service.Decode([.. tokens], "tokens") });
    }
}
