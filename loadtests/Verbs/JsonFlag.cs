using System.CommandLine;
using System.Text.Json;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Verbs;

/// <summary><c>--json FILE</c>: the report as JSON; <c>-</c> writes it to standard output in the place of the text.</summary>
internal sealed class JsonFlag
{
    private readonly Option<string?> _json =
        new("--json") { Description = "write it as JSON to this file; -: to standard output, instead of the text", HelpName = "FILE" };

    public void AddTo(Command command) => command.Options.Add(_json);

    /// <summary>Before anything is measured for it. <exception cref="LoadTestException">The file cannot be written.</exception></summary>
    public void RequireWritable(ParseResult parsed) => RequireWritable(parsed.GetValue(_json));

    /// <inheritdoc cref="RequireWritable(ParseResult)"/>
    public static void RequireWritable(string? path)
    {
        if (path is null or "-") return;
        try
        {
            if (Directory.Exists(path)) throw new IOException("it is a directory");
            using var probe = new FileStream(path + ".tmp", FileMode.Create, FileAccess.Write, FileShare.None, 1,
                FileOptions.DeleteOnClose);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LoadTestException($"--json {path} cannot be written: {e.Message}", e);
        }
    }

    /// <summary>Writes a report: as text, and as JSON if asked to.</summary>
    public void Write<T>(ParseResult parsed, T report, IEnumerable<string> lines)
    {
        var output = parsed.InvocationConfiguration.Output;
        var path = parsed.GetValue(_json);
        if (path == "-")
        {
            output.WriteLine(JsonSerializer.Serialize(report, RunJson.Indented));
            return;
        }

        foreach (var line in lines) output.WriteLine(line);
        if (path is null) return;
        try
        {
            RunJson.Write(path, report);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LoadTestException($"--json {path} cannot be written: {e.Message}", e);
        }
    }
}
