using System.CommandLine;
using System.Text.Json;
using Btx.Cli;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Verbs;

/// <summary>What <c>--json</c> writes.</summary>
internal static class JsonReport
{
    /// <summary>Before anything is measured for it.</summary>
    public static void RequireWritable(this JsonFlag json, ParseResult parsed)
    {
        if (parsed.GetValue(json) is not { } path || path == "-") return;
        Try(path, () =>
        {
            if (Directory.Exists(path)) throw new IOException("it is a directory");
            using var probe = File.Create(path + ".tmp", 1, FileOptions.DeleteOnClose);
        });
    }

    /// <summary>Writes a report: as text, and as JSON if asked to.</summary>
    public static void Write<T>(this JsonFlag json, ParseResult parsed, T report, IEnumerable<string> lines) =>
        json.Write(parsed, JsonSerializer.Serialize(report, RunJson.Indented) + "\n", lines,
            (path, text) => Try(path, () => RunJson.WriteText(path, text)));

    private static void Try(string path, Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LoadTestException($"--json {path} cannot be written: {e.Message}", e);
        }
    }
}
