using System.Security.Cryptography;
using System.Text.Json;
using Btx.Model.Forests;

namespace Btx.Model.Registry;

/// <summary>The canonical JSON of this folder: as manifests are written, on one line. What is hashed and signed.</summary>
internal static class RegistryJson
{
    public static JsonSerializerOptions Compact { get; } = new(ManifestJson.Options) { WriteIndented = false };

    public static byte[] Bytes<T>(T value) => JsonSerializer.SerializeToUtf8Bytes(value, Compact);

    public static string Hash(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
