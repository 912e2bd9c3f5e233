using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core.Interceptors;

namespace Btx.Server.Access;

/// <summary>What an administrative call asks for, as far as the <see cref="AuditLog"/> keeps it: texts and lists are cut, and of what the
/// protos mark as a user's text (<c>debug_redact</c>) the length and the SHA-256 are left. Left with the call as a feature.</summary>
internal sealed record AuditedRequest(JsonObject Json)
{
    /// <summary>Of the whole in bytes, of a text in UTF-16 characters, and of a list or a map in entries.</summary>
    public const int Longest = 4096, LongestText = 200, LongestList = 20;

    public static AuditedRequest Of(IMessage message)
    {
        var whole = MessageJson.Node(message);
        var kept = new JsonObject();
        var left = Longest - 2; // its braces
        foreach (var field in message.Descriptor.Fields.InDeclarationOrder().Where(field => whole.ContainsKey(field.Name)))
        {
            var value = field.GetOptions()?.DebugRedact == true ? Digest(whole[field.Name]) : Cut(whole[field.Name]);
            var size = Size(value) + field.Name.Length + 4; // quotes, colon, comma
            if (size > left) (value, size) = ("left out: too long", field.Name.Length + 24);
            if (size > left) break;
            kept[field.Name] = value;
            left -= size;
        }

        return new(kept);
    }

    private static int Size(JsonNode? value) => JsonSerializer.SerializeToUtf8Bytes(value, AuditLog.Json).Length;

    private static JsonNode? Cut(JsonNode? value) => Map(value, Cut, text => BtxException.OneLine(text, LongestText));

    private static JsonNode? Digest(JsonNode? value) => Map(value, Digest, text =>
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        return bytes.Length == 0 ? "" : new JsonObject
        {
            ["bytes"] = bytes.Length,
            ["sha256"] = Convert.ToHexStringLower(SHA256.HashData(bytes)),
        };
    });

    private static JsonNode? Map(JsonNode? value, Func<JsonNode?, JsonNode?> nested, Func<string, JsonNode?> text)
    {
        switch (value)
        {
            case JsonObject map:
                var entries = new JsonObject();
                foreach (var (key, one) in map.Take(LongestList)) entries[BtxException.OneLine(key, LongestText)] = nested(one);
                if (map.Count > LongestList) entries["…"] = $"{map.Count - LongestList} more";
                return entries;
            case JsonArray list:
                var items = new JsonArray([.. list.Take(LongestList).Select(nested)]);
                if (list.Count > LongestList) items.Add(JsonValue.Create($"… {list.Count - LongestList} more"));
                return items;
            case JsonValue one when one.TryGetValue<string>(out var words):
                return text(words);
            default:
                return value?.DeepClone();
        }
    }
}

/// <summary>What became of the change that an administrative call began; left with it as a feature.</summary>
/// <param name="Outcome">As history has it.</param>
internal sealed record AuditedChange(string Id, string Outcome);

/// <summary>Keeps the message of an administrative call for the <see cref="AuditLog"/>.</summary>
internal sealed class AuditInterceptor : Interceptor
{
    public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(TRequest request, ServerCallContext context,
        UnaryServerMethod<TRequest, TResponse> continuation)
    {
        Keep(request, context);
        return continuation(request, context);
    }

    public override Task ServerStreamingServerHandler<TRequest, TResponse>(TRequest request, IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        Keep(request, context);
        return continuation(request, responseStream, context);
    }

    private static void Keep(object request, ServerCallContext context)
    {
        var http = context.GetHttpContext();
        if (NeedsAttribute.Of(http).HasFlag(Scope.Admin)) http.Features.Set(AuditedRequest.Of((IMessage)request));
    }
}
