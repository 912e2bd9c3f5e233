using System.Text.Encodings.Web;
using System.Text.Json;
using Btx.Engine;
using Btx.Server.Changes;
using Btx.Server.Requests;
using Btx.Server.Rpc;

namespace Btx.Server.Http;

/// <summary><c>GET /v1/forest</c>: the state that is served, its averages and the last changes.
/// Reading only: changes are the gRPC door's.</summary>
internal static class ForestEndpoints
{
    private const int ShownChanges = 100;
    private static readonly JsonWriterOptions s_json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static void MapForest(this IEndpointRouteBuilder endpoints) => endpoints.MapGet("/forest", (ForestChanges changes) =>
    {
        if (changes.RegistryIfServed is not { } registry)
            throw new InvalidRequestException(new("forest",
                "no forest is served here whose state can be shown: only a BTX model, or one with --read-only", RejectionReason.NotFound));
        var state = registry.State;
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, s_json))
        {
            json.WriteStartObject();
            json.WritePropertyName("forest");
            MessageJson.Write(json, StateMessages.List(state, registry.Damage, registry.KeyFingerprint, roots: null));
            json.WriteStartArray("averages");
            foreach (var average in StateMessages.Averages(state).Averages) MessageJson.Write(json, average);
            json.WriteEndArray();
            json.WriteStartArray("changes");
            foreach (var change in StateMessages.History(registry.History, ShownChanges).Changes) MessageJson.Write(json, change);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Results.Bytes(stream.ToArray(), "application/json");
    });
}
