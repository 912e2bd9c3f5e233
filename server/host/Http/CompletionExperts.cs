using System.Text.Json.Serialization;
using Btx.Engine;
using Btx.Engine.Requests;

namespace Btx.Server.Http;

/// <summary>
/// What <c>include_experts</c> adds, besides OpenAI's form: parallel lists, one entry per
/// generated token. In a forest's modes the weight and
/// the contribution of each expert; in mode moe the router's gates of each layer, and their mean over
/// layers summed by domain. Zero weights are omitted.
/// </summary>
internal sealed record CompletionExperts
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public List<Dictionary<string, double>>? Posterior { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public List<Dictionary<string, double>>? Contribution { get; init; }

    /// <summary>[token][layer]: gate by expert.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public List<Dictionary<string, double>[]>? Gates { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public List<Dictionary<string, double>>? Domains { get; init; }

    /// <returns>Null for an event that reports no experts.</returns>
    public static CompletionExperts? Of(TokenEvent e, ForestDescription served)
    {
        if (e.Posterior is { } posterior)
            return new() { Posterior = [Named(served.Experts, posterior)], Contribution = [Named(served.Experts, e.Contribution!)] };
        if (e.Gates is not { } gates) return null;
        var moe = served.Moe!;
        return new()
        {
            Gates = [
                [.. gates.Values.Chunk(gates.Experts).Select(layer => Named(moe.Experts, [.. layer.Select(gate => (double)gate)]))]],
            Domains = [Named(moe.DomainNames, gates.ByDomain(moe))],
        };
    }

    public void Append(CompletionExperts more)
    {
        Posterior?.AddRange(more.Posterior!);
        Contribution?.AddRange(more.Contribution!);
        Gates?.AddRange(more.Gates!);
        Domains?.AddRange(more.Domains!);
    }

    private static Dictionary<string, double> Named(IReadOnlyList<string> names, double[] values)
    {
        var named = new Dictionary<string, double>(StringComparer.Ordinal);
        for (var i = 0; i < values.Length; i++)
        {
            if (values[i] > 0) named.Add(names[i], values[i]);
        }

        return named;
    }
}
