using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Btx.Model.Forests;

/// <summary>How manifests are written: snake_case names, indented, nulls left out; unknown fields are kept out silently so that newer files
/// stay readable.</summary>
public static class ManifestJson
{
    /// <summary>For both directions; reading refuses missing required fields, nulls where none may be, and duplicate names.</summary>
    public static JsonSerializerOptions Options { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        MaxDepth = 16,
        AllowDuplicateProperties = false,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>The same on one line.</summary>
    internal static JsonSerializerOptions Compact { get; } = new(Options) { WriteIndented = false };

    /// <summary>The canonical JSON, UTF-8 on one line: what is hashed and signed of a state, a change and a certificate.</summary>
    internal static byte[] Line<T>(T value) => JsonSerializer.SerializeToUtf8Bytes(value, Compact);

    /// <summary>SHA-256 (hex).</summary>
    internal static string Hash(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    /// <param name="what">What was expected, with its article: <c>a valid forest manifest</c>.</param>
    public static T Read<T>(ReadOnlySpan<byte> json, string source, string what)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(json, Options) ?? throw new BtxException($"{source}: is null; expected a JSON object");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or NotSupportedException or FormatException)
        {
            throw new BtxException($"{source}: not {what} ({BtxException.OneLine(e.Message)})", e);
        }
    }

    /// <summary>Writes a manifest, whole or not at all.</summary>
    public static void Save<T>(T manifest, string path) =>
        AtomicFile.WriteText(path, Encoding.UTF8.GetString(JsonSerializer.SerializeToUtf8Bytes(manifest, Options)) + "\n");
}
