using System.Globalization;
using System.Text.Json;

namespace Btx.LoadTests.Load;

/// <summary>
/// Reads recorded arrivals: JSON lines with the fields, or CSV with a header of the columns, <c>arrival</c> (seconds; or
/// <c>timestamp</c>: seconds or a date and time) and optionally
/// <c>prompt_tokens</c>, <c>output_tokens</c>, <c>domain</c>. <c>ContextTokens</c> and <c>GeneratedTokens</c> are read too: the
/// columns of Azure's published inference traces.
/// </summary>
public static class TraceFile
{
    /// <returns>In order of time, at least one.</returns>
    /// <exception cref="LoadTestException">It cannot be read; with file and line.</exception>
    public static IReadOnlyList<Arrival> Read(string path)
    {
        var lines = ReadLines(path);
        var json = lines.FirstOrDefault(l => !string.IsNullOrWhiteSpace(l))?.TrimStart().StartsWith('{') == true;
        var columns = json || lines.Length == 0 ? [] : Cells(lines[0]).Select(c => c.ToLowerInvariant()).ToArray();
        if (!json && !columns.Any(c => c is "arrival" or "timestamp"))
            throw new LoadTestException($"{path}, line 1: expected JSON lines, or a header with a column \"arrival\" (seconds)");
        var arrivals = new List<Arrival>();
        for (var i = json ? 0 : 1; i < lines.Length; i++)
        {
            if (string.IsNullOrWhiteSpace(lines[i])) continue;
            var where = $"{path}, line {i + 1}";
            arrivals.Add(json ? OfFields(JsonFields(lines[i], where), where) : OfFields(CsvFields(columns, lines[i], where), where));
        }

        if (arrivals.Count == 0) throw new LoadTestException($"{path} holds no arrival");
        return [.. arrivals.OrderBy(a => a.Due)];
    }

    internal static string[] ReadLines(string path)
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

    private static Arrival OfFields(Dictionary<string, string> fields, string where)
    {
        string? Field(params string[] names) =>
            names.Select(n => fields.GetValueOrDefault(n)).FirstOrDefault(v => !string.IsNullOrEmpty(v));
        int? Tokens(params string[] names) => Field(names) is not { } text ? null
            : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n > 0 ? n
            : throw new LoadTestException($"{where}: {names[0]} is \"{text}\"; expected a whole number above 0");
        var at = Field("arrival", "timestamp") ?? throw new LoadTestException($"{where}: no arrival (seconds)");
        var due = double.TryParse(at, NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds) && double.IsFinite(seconds)
            ? seconds
            : DateTime.TryParse(at, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal,
            out var time) ? (time - DateTime.UnixEpoch).TotalSeconds
            : throw new LoadTestException($"{where}: arrival is \"{at}\"; expected seconds");
        return new(due, Tokens("prompt_tokens", "contexttokens"), Tokens("output_tokens", "generatedtokens"), Field("domain"));
    }

    private static Dictionary<string, string> JsonFields(string line, string where)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            return document.RootElement.EnumerateObject().ToDictionary(p => p.Name.ToLowerInvariant(),
                p => p.Value.ValueKind == JsonValueKind.Null ? "" : p.Value.ToString());
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            throw new LoadTestException($"{where}: not a JSON object with each field once", e);
        }
    }

    private static Dictionary<string, string> CsvFields(string[] columns, string line, string where)
    {
        var cells = Cells(line);
        if (cells.Length != columns.Length)
            throw new LoadTestException($"{where}: {cells.Length} columns; the header has {columns.Length}");
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var c = 0; c < columns.Length; c++) fields[columns[c]] = cells[c];
        return fields;
    }

    private static string[] Cells(string line) => [.. line.Split(',').Select(c => c.Trim().Trim('"'))];
}
