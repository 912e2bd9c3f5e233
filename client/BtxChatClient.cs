using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.AI;
using ChatResponse = Microsoft.Extensions.AI.ChatResponse;
using Part = Btx.V1.ChatResponse;

namespace Btx.Client;

/// <summary>The chats of a forest as an <see cref="IChatClient"/>. <see cref="ChatRouting"/> has what a forest adds. It owns nothing.
/// Thread-safe.</summary>
public sealed class BtxChatClient(IInference inference) : IChatClient
{
    private static readonly JsonSerializerOptions s_json = new(AIJsonUtilities.DefaultOptions);

    /// <exception cref="BtxCallException">The server refused, or the request has something that it has no field for.</exception>
    public async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        var updates = new List<ChatResponseUpdate>();
        await foreach (var update in GetStreamingResponseAsync(messages, options, cancellationToken).ConfigureAwait(false))
            updates.Add(update);
        var response = updates.ToChatResponse();
        response.RawRepresentation = updates.Select(update => (Part)update.RawRepresentation!).ToList();
        return response;
    }

    /// <inheritdoc cref="GetResponseAsync"/>
    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(IEnumerable<ChatMessage> messages,
        ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var id = Guid.NewGuid().ToString("N");
        var calls = new SortedDictionary<int, (string Id, string Name, StringBuilder Arguments)>();
        var request = ChatRequests.Of(messages, options ?? new());
        await foreach (var part in inference.ChatAsync(request, cancellationToken).ConfigureAwait(false))
        {
            foreach (var call in part.ToolCalls)
            {
                if (!calls.ContainsKey(call.Index)) calls[call.Index] = (call.Id, call.Name, new());
                calls[call.Index].Arguments.Append(call.Arguments);
            }

            var update = new ChatResponseUpdate { Role = ChatRole.Assistant, ResponseId = id, MessageId = id, RawRepresentation = part };
            if (part.Text.Length > 0) update.Contents.Add(new TextContent(part.Text));
            if (part.FinishReason != FinishReason.Unspecified)
            {
                update.FinishReason = Finish(part.FinishReason);
                foreach (var (callId, name, arguments) in calls.Values)
                    update.Contents.Add(FunctionCallContent.CreateFromParsedArguments(arguments.ToString(), callId, name,
                        json => JsonSerializer.Deserialize<Dictionary<string, object?>>(json, s_json)));
            }

            if (part.Usage is { } usage) update.Contents.Add(new UsageContent(Details(usage)));
            yield return update;
        }
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null) => serviceKey is not null ? null
        : serviceType.IsInstanceOfType(this) ? this
        : serviceType.IsInstanceOfType(inference) ? inference
        : serviceType == typeof(ChatClientMetadata) ? new ChatClientMetadata("btx", (inference as BtxClient)?.Address, "forest") : null;

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private static ChatFinishReason Finish(FinishReason reason) => reason switch
    {
        FinishReason.Length => ChatFinishReason.Length,
        FinishReason.ToolCalls => ChatFinishReason.ToolCalls,
        FinishReason.Stop => ChatFinishReason.Stop,
        _ => new(reason.ToString().ToLowerInvariant()),
    };

    private static UsageDetails Details(Usage usage) => new()
    {
        InputTokenCount = usage.PromptTokens,
        OutputTokenCount = usage.CompletionTokens,
        TotalTokenCount = usage.PromptTokens + usage.CompletionTokens,
        AdditionalCounts = new(usage.ExpertSteps.Select(steps => KeyValuePair.Create($"expert_steps.{steps.Key}", (long)steps.Value))),
    };
}
