using System.Text.Json;
using System.Text.Json.Serialization;

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

    /// <summary>Reads a whole file. <exception cref="LoadTestException">It is missing or is not what is expected.</exception></summary>
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

    /// <summary>Reads lines; a last one that was cut off by a crash is left out, damage before it is refused.
    /// <exception cref="LoadTestException">Line that cannot be read.</exception></summary>
    public static IReadOnlyList<T> ReadLines<T>(string path)
    {
        var faults = new List<string>();
        var lines = ReadWholeLines<T>(path, faults);
        return faults.Count == 0 ? [.. lines.Select(l => l.Item)] : throw new LoadTestException(faults[0]);
    }

    /// <summary>Reads the lines that can be read, with their numbers from 1; a last one that was cut off by a crash is left out.</summary>
    /// <param name="faults">Gets a sentence for each line that cannot be read.</param>
    /// <exception cref="LoadTestException">There is no such file.</exception>
    public static IReadOnlyList<(int Line, T Item)> ReadWholeLines<T>(string path, ICollection<string> faults)
    {
        var items = new List<(int, T)>();
        string[] lines;
        try
        {
            lines = File.ReadAllLines(path);
        }
        catch (IOException e)
        {
            throw new LoadTestException($"{path} cannot be read: {e.Message}", e);
        }

        for (var i = 0; i < lines.Length; i++)
        {
            try
            {
                if (JsonSerializer.Deserialize<T>(lines[i], Line) is { } item) items.Add((i + 1, item));
                else faults.Add($"{path}, line {i + 1}: holds null");
            }
            catch (JsonException) when (i == lines.Length - 1)
            {
                break;
            }
            catch (JsonException e)
            {
                faults.Add($"{path}, line {i + 1} cannot be read: {e.Message.ReplaceLineEndings(" ")}");
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
