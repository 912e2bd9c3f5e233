using System.Text.Json;

namespace Btx.LoadTests.Doors;

/// <summary>What the HTTP door tells of its models.</summary>
internal static class ServedModels
{
    /// <param name="models">Of <c>GET /v1/models</c>.</param>
    /// <param name="forest">Of <c>GET /v1/forest</c>; null: the server does not show one.</param>
    public static ServedModel Read(JsonElement models, JsonElement? forest)
    {
        var listed = models.GetProperty("data").EnumerateArray().ToArray();
        string[] ids = [.. listed.Select(m => m.GetProperty("id").GetString()!)];
        var context = listed.Select(m => m.TryGetProperty("max_model_len", out var n) ? n.GetInt32() : (int?)null)
            .FirstOrDefault(n => n is not null);
        var domains = forest?.GetProperty("forest").GetProperty("experts").EnumerateArray()
            .ToDictionary(e => e.GetProperty("name").GetString()!, e => e.GetProperty("domain").GetString()!) ?? [];
        var experts = ids.Where(id => id.StartsWith("expert:", StringComparison.Ordinal)).Select(id => id["expert:".Length..])
            .Select(name => new ServedModel.Expert(name, domains.GetValueOrDefault(name, "")));
        return new([.. experts], null, context,
            forest?.GetProperty("forest").TryGetProperty("precision", out var precision) == true ? precision.GetString() : null);
    }
}

/// <summary>What a server says that it serves.</summary>
/// <param name="Experts">Of the forest, none where only a BTX model is served.</param>
/// <param name="MixtureExperts">Of the BTX model; null: none is served, or the door does not say.</param>
/// <param name="ContextLength">Tokens of prompt and answer together; null: the door does not say.</param>
/// <param name="Precision">Null: the door does not say.</param>
public sealed record ServedModel(IReadOnlyList<ServedModel.Expert> Experts, int? MixtureExperts, int? ContextLength, string? Precision)
{
    /// <param name="Domain">Empty: the door does not say.</param>
    public sealed record Expert(string Name, string Domain);
}
