using System.Text.Json.Serialization;

namespace Btx.Server.Http;

/// <summary>
/// What <c>include_experts</c> adds to OpenAI's form: parallel lists, one entry per generated token. In a forest's modes the weight and
/// the contribution of each expert; in mode moe the router's gates of each layer, and their mean over layers summed by domain. Zeros are
/// omitted.
/// </summary>
/// <param name="Gates">[token][layer]: gate by expert.</param>
internal sealed record AnswerExperts(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] List<Dictionary<string, double>>? Posterior = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] List<Dictionary<string, double>>? Contribution = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] List<Dictionary<string, double>[]>? Gates = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] List<Dictionary<string, double>>? Domains = null)
{
    /// <param name="served">The forest that the request began with.</param>
    /// <returns>Null for an event that reports no experts.</returns>
    public static AnswerExperts? Of(TokenEvent e, ForestDescription served)
    {
        if (e.Posterior is { } posterior)
            return new([Named(served.Experts, posterior)], [Named(served.Experts, e.Contribution!)]);
        if (e.Gates is not { } gates) return null;
        var moe = served.Moe!;
        var layers = gates.Values.Chunk(gates.Experts).Select(layer => Named(moe.Experts, [.. layer.Select(gate => (double)gate)]));
        return new(Gates: [[.. layers]], Domains: [Named(moe.DomainNames, gates.ByDomain(moe))]);
    }

    /// <returns>Null: no part has any.</returns>
    public static AnswerExperts? Join(IEnumerable<AnswerExperts?> parts)
    {
        AnswerExperts[] all = [.. parts.OfType<AnswerExperts>()];
        if (all.Length == 0) return null;
        List<T>? Of<T>(Func<AnswerExperts, List<T>?> list) => list(all[0]) is null ? null : [.. all.SelectMany(part => list(part)!)];
        return new(Of(part => part.Posterior), Of(part => part.Contribution), Of(part => part.Gates), Of(part => part.Domains));
    }

    private static Dictionary<string, double> Named(IReadOnlyList<string> names, double[] values) =>
        names.Zip(values).Where(pair => pair.Second > 0).ToDictionary(pair => pair.First, pair => pair.Second);
}
