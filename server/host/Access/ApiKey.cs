using System.Security.Cryptography;
using System.Text.Json.Serialization;
using Btx.Model.Forests;
using Btx.Model.Mixing;

namespace Btx.Server.Access;

/// <summary>A key as its file has it. Its secret is in no file: who has the key sends <c>btx_ID_SECRET</c>.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record ApiKey
{
    public const string Prefix = "btx";
    private const int IdBytes = 6, SecretBytes = 32;

    /// <summary>12 hexadecimal digits.</summary>
    public required string Id { get; init; }

    /// <summary>Whose it is.</summary>
    public required string Name { get; init; }

    /// <summary>Of the secret's 64 hexadecimal digits.</summary>
    public required string Sha256 { get; init; }

    public required IReadOnlyList<string> Scopes { get; init; }

    public required DateTimeOffset Created { get; init; }

    /// <summary>Null: never.</summary>
    public DateTimeOffset? Expires { get; init; }

    /// <summary>The only routing modes that it may ask for; null: all.</summary>
    public IReadOnlyList<string>? Modes { get; init; }

    /// <summary>The only experts that may run for it; null: all.</summary>
    public IReadOnlyList<string>? Experts { get; init; }

    /// <summary>Requests that generate or score; null, here and below: no limit.</summary>
    public int? RequestsPerMinute { get; init; }

    /// <summary>Tokens of prompts and answers together.</summary>
    public int? TokensPerMinute { get; init; }

    /// <summary>Requests under way at a time.</summary>
    public int? Concurrent { get; init; }

    [JsonIgnore]
    public bool HasQuota => (RequestsPerMinute ?? TokensPerMinute ?? Concurrent) is not null;

    /// <summary>Makes the secret of a key, and its id.</summary>
    /// <returns>The key, and what its owner is to send: told once, kept nowhere.</returns>
    public static (ApiKey Key, string Token) New(ApiKey settings)
    {
        var secret = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(SecretBytes));
        var id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(IdBytes));
        return (settings with { Id = id, Sha256 = Convert.ToHexStringLower(Hash(secret)) }, $"{Prefix}_{id}_{secret}");
    }

    public static byte[] Hash(string secret) => SHA256.HashData(Encoding.UTF8.GetBytes(secret));

    /// <summary>Why a request may not be routed so; null: it may. Every mode but <c>expert</c> runs or weighs all experts: only a key that
    /// reaches all of them has it. No other expert is named.</summary>
    /// <param name="forest">What is served.</param>
    public string? Problem(Routing routing, ForestDescription forest)
    {
        var mode = RoutingNames.Of(routing.Mode);
        if (Modes?.Contains(mode) == false) return $"this key is not for mode {mode}, but for {string.Join(", ", Modes)}";
        if (Experts is null) return null;
        if (routing.Mode == RoutingMode.Expert)
            return routing.Expert is null || Experts.Contains(routing.Expert) ? null
                : $"this key is not for expert \"{BtxException.OneLine(routing.Expert, 100)}\", but for {string.Join(", ", Experts)}";
        var used = routing.Mode == RoutingMode.Moe ? forest.Moe?.Experts ?? [] : forest.Experts;
        return used.All(Experts.Contains) ? null : $"mode {mode} runs or weighs experts that this key is not for; it may ask for mode "
            + $"expert, with one of {string.Join(", ", Experts)}";
    }

    /// <summary>What is wrong with a key of a file, one clause each.</summary>
    public IEnumerable<string> Problems()
    {
        if (Id.Length != 2 * IdBytes || !Id.All(char.IsAsciiHexDigitLower)) yield return $"id is not {2 * IdBytes} hexadecimal digits";
        if (Name.Length is 0 or > 100 || Name.Any(char.IsControl)) yield return "name is not 1 to 100 printable characters";
        if (!ForestManifestRules.IsHash(Sha256)) yield return "sha256 is not a SHA-256";
        if (Unknown(Scopes, Access.Scopes.Names) is { } scopes) yield return $"scopes {scopes}: {string.Join(", ", Access.Scopes.Names)}";
        if (Modes is not null && Unknown(Modes, s_modes) is { } modes) yield return $"modes {modes}: {string.Join(", ", s_modes)}";
        if (Experts is { Count: 0 } || Experts?.All(ForestManifestRules.IsName) == false)
            yield return "experts is empty, or not all of them are names";
        foreach (var (name, value) in new[] { ("requests_per_minute", RequestsPerMinute), ("tokens_per_minute", TokensPerMinute),
            ("concurrent", Concurrent) })
        {
            if (value < 1) yield return $"{name} is {value}; expected 1 or more";
        }
    }

    private static readonly string[] s_modes = [.. Enum.GetValues<RoutingMode>().Select(RoutingNames.Of)];

    private static string? Unknown(IReadOnlyList<string> given, IEnumerable<string> known) =>
        given.Count > 0 && given.All(known.Contains) ? null : "are not one or more of";
}
