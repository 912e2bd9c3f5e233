using System.Runtime.CompilerServices;

namespace Btx.Server.Http.Chat;

/// <summary>A chat that was checked and reserved: what every form of chat (OpenAI's chats and responses, Anthropic's messages) makes its
/// answer from.</summary>
internal sealed class ChatRun
{
    private static readonly (string Field, string Name)[] s_ownNames = [("prompt", "messages"), ("logprobs", "top_logprobs")];
    private readonly InferenceService _service;
    private readonly int[] _prompt;
    private readonly UsageCount _usage;

    private ChatRun(InferenceService service, ChatRequest request, int[] prompt) =>
        (_service, Request, _prompt, _usage) = (service, request, prompt, new(prompt.Length));

    public ChatRequest Request { get; }

    /// <summary>So far; whole once the pieces were read.</summary>
    public AnswerUsage Usage => _usage.Total;

    /// <param name="messages">Null: the body's own.</param>
    /// <param name="names">What the fields of a chat's body are called in the form that the client spoke: they are in the refusals.</param>
    /// <exception cref="RequestRejectedException">The chat breaks a rule.</exception>
    public static Task<ChatRun> BeginAsync(InferenceService service, ChatPrompt template, ChatBody body,
        IReadOnlyList<ChatMessage>? messages, IEnumerable<(string Field, string Name)> names, CancellationToken cancellation) =>
        BeginAsync(service, template, () => body.ToRequest(service.Forest, template.Stops, messages),
            () => service.Model(body.Model!, body.Routing), [.. names, .. body.OwnNames], cancellation);

    /// <param name="read">Checks and translates what the client sent.</param>
    /// <param name="allow">Refuses a caller that may not have the model.</param>
    /// <param name="names">What the fields of a chat's body are called in the form that the client spoke.</param>
    /// <exception cref="RequestRejectedException">The chat breaks a rule.</exception>
    public static async Task<ChatRun> BeginAsync(InferenceService service, ChatPrompt template, Func<ChatRequest> read, Action allow,
        IEnumerable<(string Field, string Name)> names, CancellationToken cancellation)
    {
        try
        {
            var request = await SchemaReading.ReadAsync(read, allow, cancellation);
            service.RequireOptions(request.Asked.Generation);
            var prompt = service.Checked(await template.OfAsync(request.Messages, request.Tools, answer: true, cancellation),
                request.Asked.Generation);
            service.Reserve(request.Asked.For([prompt], request.Asked.Choices));
            return new(service, request, prompt);
        }
        catch (RequestRejectedException e)
        {
            throw new RequestRejectedException(FieldNames.In(FieldNames.In(e.Problem, s_ownNames), names));
        }
    }

    /// <summary>What each token adds to each choice; all choices begin together.</summary>
    public async IAsyncEnumerable<ChatChoice> PiecesAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        ChatChoices[] choices = [.. Enumerable.Range(0, Request.Asked.Choices).Select(index => new ChatChoices(_service, Request, index))];
        await foreach (var (index, e, served) in EventsAsync(cancellation))
            foreach (var piece in choices[index].Of(e, served))
                if (!piece.IsEmpty) yield return piece;
    }

    /// <summary>The engine's events of all choices, each with the forest that made it.</summary>
    public async IAsyncEnumerable<(int Index, TokenEvent Event, ForestDescription Served)> EventsAsync(
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        var served = _service.Forest;
        var generations = Request.Asked.For([_prompt], Request.Asked.Choices);
        await foreach (var (index, e) in Generations.RunAsync(_service, generations, cancellation))
        {
            if (e.Usage is { } used) _usage.Add(used, e.Forest ?? served);
            yield return (index, e, e.Forest ?? served);
        }
    }
}
