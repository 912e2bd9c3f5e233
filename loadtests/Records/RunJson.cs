using System.Text.Json;
using System.Text.Json.Serialization;
using Btx.LoadTests.Costs;

namespace Btx.LoadTests.Records;

/// <summary>How a run's files are written: snake_case, nulls left out.</summary>
public static class RunJson
{
    public static JsonSerializerOptions Line { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    public static JsonSerializerOptions Indented { get; } = new(Line) { WriteIndented = true };

    /// <summary>Reads a whole file.</summary>
    public static T Read<T>(string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            return JsonSerializer.Deserialize<T>(stream, Line) ?? throw new LoadTestException($"{path} holds null");
        }
        catch (JsonException e)
        {
            throw new LoadTestException($"{path} cannot be read as {typeof(T).Name}: {e.Message.ReplaceLineEndings(" ")}", e);
        }
        catch (IOException e)
        {
            throw new LoadTestException($"{path} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>A field of another program's file.</summary>
    /// <param name="option">What named the file, for messages.</param>
    /// <param name="remedy">What to do if it is not there.</param>
    public static string? ReadField(string option, string path, string field, string remedy)
    {
        if (!File.Exists(path)) throw new LoadTestException($"{option}: {path} is not there; {remedy}");
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(path));
            return json.RootElement.GetProperty(field).GetString();
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or IOException
            or UnauthorizedAccessException)
        {
            throw new LoadTestException($"{option}: {path} cannot be read: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    public static string[] ReadText(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LoadTestException($"{path} cannot be read: {e.Message}", e);
        }
    }

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

    /// <summary>Writes a file whole: beside it, flushed, then renamed.</summary>
    public static void Write<T>(string path, T value) => WriteText(path, JsonSerializer.Serialize(value, Indented) + "\n");

    /// <inheritdoc cref="Write"/>
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
}

/// <summary>The measured points of a run's directory: <see cref="RunDirectory.Points"/>.</summary>
internal static class PointLines
{
    /// <summary>Those that are whole.</summary>
    /// <param name="problems">Gets a sentence for each line that is left out.</param>
    public static IReadOnlyList<PointResult> Read(string path, ICollection<string> problems)
    {
        var (points, damaged) = Whole(path);
        foreach (var problem in damaged) problems.Add($"{problem}; it is left out");
        return points;
    }

    /// <summary>All of them.</summary>
    /// <param name="remedy">For the message.</param>
    public static IReadOnlyList<PointResult> ReadAll(string path, string remedy)
    {
        var (points, damaged) = Whole(path);
        return damaged.Count == 0 ? points : throw new LoadTestException($"{damaged[0]}; {remedy}");
    }

    private static (List<PointResult> Points, List<string> Damaged) Whole(string path)
    {
        var (points, damaged) = (new List<PointResult>(), new List<string>());
        foreach (var (line, point) in RunJson.ReadWholeLines<PointResult>(path, damaged))
        {
            if (WholeRecord.Is(point)) points.Add(point);
            else damaged.Add($"{path}, line {line}: settings or figures are missing or are no numbers");
        }

        return (points, damaged);
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
               select $"{file} holds {records} requests of a load that ended before its figures were written; they are in no figure here: "
                   + "measure it again";
    }
}
