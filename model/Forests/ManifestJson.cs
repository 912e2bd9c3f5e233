using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Btx.Model.Forests;

/// <summary>How manifests are written: snake_case names, indented, nulls left out; unknown fields are kept out silently so that newer files stay readable.</summary>
public static class ManifestJson
{
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

    /// <summary>A message from a parser, kept to one printable line.</summary>
    public static string OneLine(string message) => new((message.Length > 300 ? message[..300] + "…" : message).Select(c => char.IsControl(c) ? ' ' : c).ToArray());
}
