using System.Text.Json;
using Btx.Model.Files;

namespace Btx.Trainer.Evaluation;

/// <summary>Reads single fields of a JSON record that may lie beside a model, made here or elsewhere: what is not there is null.</summary>
internal static class RecordFile
{
    /// <returns>Null if there is no such file.</returns>
    /// <exception cref="BtxException">It is there but is no JSON object.</exception>
    public static JsonDocument? Open(string path)
    {
        if (!File.Exists(path)) return null;
        try
        {
            var document = JsonDocument.Parse(BoundedFile.Read(path));
            if (document.RootElement.ValueKind == JsonValueKind.Object) return document;
            document.Dispose();
            throw new BtxException($"{path}: is not a JSON object");
        }
        catch (JsonException e)
        {
            throw new BtxException($"{path}: not valid JSON ({BtxException.OneLine(e.Message)})", e);
        }
    }

    public static double? Number(JsonDocument document, params string[] names) =>
        Find(document.RootElement, names) is { ValueKind: JsonValueKind.Number } number && number.TryGetDouble(out var value)
        && double.IsFinite(value) ? value : null;

    public static string? Text(JsonDocument document, params string[] names) => Text(document.RootElement, names);

    public static string? Text(JsonElement element, params string[] names) =>
        Find(element, names) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    private static JsonElement? Find(JsonElement element, string[] names)
    {
        foreach (var name in names)
        {
            if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(name, out element)) return null;
        }

        return element;
    }
}
