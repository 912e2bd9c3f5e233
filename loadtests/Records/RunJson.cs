using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Btx.LoadTests.Costs;

namespace Btx.LoadTests.Records;

/// <summary>How a run's files are written: snake_case, nulls left out.</summary>
public static class RunJson
{
    private static readonly Type[] s_whole =
        [typeof(PointResult), typeof(LoadSummary), typeof(RequestRecord), typeof(RunDescription), typeof(ChangeTimeline)];

    public static JsonSerializerOptions Line { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { Require } },
    };

    public static JsonSerializerOptions Indented { get; } = new(Line) { WriteIndented = true };

    public static T Read<T>(string path) => LoadTestException.Wrap($"{path} cannot be read as {typeof(T).Name}", () =>
        JsonSerializer.Deserialize<T>(File.ReadAllBytes(path), Line) ?? throw new JsonException("it holds null"));

    /// <summary>A field of another program's file.</summary>
    /// <param name="option">What named the file, for messages.</param>
    /// <param name="remedy">What to do if it is not there.</param>
    public static string? ReadField(string option, string path, string field, string remedy)
    {
        if (!File.Exists(path)) throw new LoadTestException($"{option}: {path} is not there; {remedy}");
        return LoadTestException.Wrap($"{option}: {path} cannot be read", () =>
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(path));
            return json.RootElement.GetProperty(field).GetString();
        });
    }

    public static string[] ReadText(string path) => LoadTestException.Wrap($"{path} cannot be read", () => File.ReadAllLines(path));

    /// <summary>Reads lines; a last one that was cut off by a crash is left out, damage before it is refused.</summary>
    public static IReadOnlyList<T> ReadLines<T>(string path)
    {
        var problems = new List<string>();
        var lines = ReadWholeLines<T>(path, problems);
        return problems.Count == 0 ? [.. lines.Select(l => l.Item)] : throw new LoadTestException(problems[0]);
    }

    /// <summary>Reads the lines that can be read, with their numbers from 1; a last one that was cut off by a crash is left out.</summary>
    /// <param name="problems">Gets a sentence for each line that cannot be read.</param>
    public static IReadOnlyList<(int Line, T Item)> ReadWholeLines<T>(string path, ICollection<string> problems)
    {
        var items = new List<(int, T)>();
        var lines = ReadText(path);
        for (var i = 0; i < lines.Length; i++)
        {
            try
            {
                if (JsonSerializer.Deserialize<T>(lines[i], Line) is { } item) items.Add((i + 1, item));
                else problems.Add($"{path}, line {i + 1}: holds null");
            }
            catch (JsonException e)
            {
                if (i < lines.Length - 1) problems.Add($"{path}, line {i + 1} cannot be read: {e.Message.ReplaceLineEndings(" ")}");
            }
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

    // What these cannot be without must be in the file.
    private static void Require(JsonTypeInfo type)
    {
        foreach (var property in s_whole.Contains(type.Type) ? type.Properties : [])
            property.IsRequired |= property.AssociatedParameter is { HasDefaultValue: false, IsNullable: false };
    }
}

/// <summary>The measured points of a run's directory: <see cref="RunDirectory.Points"/>.</summary>
internal static class PointLines
{
    /// <summary>Those that are whole.</summary>
    /// <param name="problems">Gets a sentence for each line that is not, with the remedy.</param>
    public static IReadOnlyList<PointResult> Read(string path, ICollection<string> problems, string remedy = "it is left out")
    {
        var (points, damaged) = (new List<PointResult>(), new List<string>());
        foreach (var (line, point) in RunJson.ReadWholeLines<PointResult>(path, damaged))
        {
            if (WholeRecord.Is(point)) points.Add(point);
            else damaged.Add($"{path}, line {line}: settings or figures are missing or are no numbers");
        }

        foreach (var problem in damaged) problems.Add($"{problem}; {remedy}");
        return points;
    }
}

/// <summary>Loads that were killed: their requests are on disk, their figures are not.</summary>
internal static class UnfinishedLoads
{
    /// <summary>A sentence for each, in a run's directory without a single point.</summary>
    public static IEnumerable<string> Of(string directory)
    {
        var requests = Path.Combine(directory, RunDirectory.Requests);
        if (File.Exists(Path.Combine(directory, RunDirectory.Points)) || !Directory.Exists(requests)) return [];
        return from file in Directory.GetFiles(requests, "*.jsonl").Order(StringComparer.Ordinal)
               let records = File.ReadLines(file).Count(line => line.EndsWith('}'))
               where records > 0
               select $"{file} holds {records} requests of a load that ended before its figures were written: measure it again";
    }
}
