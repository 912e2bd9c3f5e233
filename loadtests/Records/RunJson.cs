using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Btx.LoadTests.Records;

/// <summary>How a run's files are written: snake_case, nulls left out.</summary>
public static class RunJson
{
    public static JsonSerializerOptions Line { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        RespectNullableAnnotations = true,
        TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { Require } },
    };

    public static JsonSerializerOptions Indented { get; } = new(Line) { WriteIndented = true };

    public static T Read<T>(string path) => LoadTestException.Wrap($"{path} cannot be read as {typeof(T).Name}", () =>
        JsonSerializer.Deserialize<T>(File.ReadAllBytes(path), Line) ?? throw new JsonException("it holds null"));

    /// <summary>A field of another program's file.</summary>
    public static string ReadField(string option, string path, string field, string remedy)
    {
        if (!File.Exists(path)) throw new LoadTestException($"{option}: {path} is not there; {remedy}");
        return LoadTestException.Wrap($"{option}: {path} cannot be read", () =>
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(path));
            return json.RootElement.GetProperty(field).GetString() is { Length: > 0 } value ? value
                : throw new JsonException($"{field} is empty");
        });
    }

    public static string[] ReadText(string path) => LoadTestException.Wrap($"{path} cannot be read", () => File.ReadAllLines(path));

    /// <summary>Reads lines; a last one that was cut off by a crash is left out.</summary>
    /// <param name="problems">Gets a sentence for each other line that cannot be read; null: the first one is thrown.</param>
    /// <param name="isWhole">Whether an item has everything that is computed with.</param>
    public static IReadOnlyList<T> ReadLines<T>(string path, ICollection<string>? problems = null, Predicate<T>? isWhole = null)
    {
        var (items, lines) = (new List<T>(), ReadText(path));
        foreach (var (i, line) in lines.Index())
        {
            string problem;
            try
            {
                if (JsonSerializer.Deserialize<T>(line, Line) is { } item && isWhole?.Invoke(item) != false)
                {
                    items.Add(item);
                    continue;
                }

                problem = $"{path}, line {i + 1}: settings or figures are missing or are no numbers";
            }
            catch (JsonException e)
            {
                if (i == lines.Length - 1) break;
                problem = $"{path}, line {i + 1} cannot be read: {e.Message.ReplaceLineEndings(" ")}";
            }

            if (problems is null) throw new LoadTestException(problem);
            problems.Add(problem);
        }

        return items;
    }

    public static void Write<T>(string path, T value) => WriteText(path, JsonSerializer.Serialize(value, Indented) + "\n");

    /// <summary>Writes a file whole: beside it, flushed, then renamed.</summary>
    public static void WriteText(string path, string text)
    {
        var temporary = path + ".tmp";
        using (var stream = File.Create(temporary))
        {
            stream.Write(System.Text.Encoding.UTF8.GetBytes(text));
            stream.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: true);
    }

    // What a record cannot be without must be in the file.
    private static void Require(JsonTypeInfo type)
    {
        foreach (var property in type.Type.Namespace == typeof(PointResult).Namespace ? type.Properties : [])
            property.IsRequired |= property.AssociatedParameter is { HasDefaultValue: false, IsNullable: false };
    }
}
