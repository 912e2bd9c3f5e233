using System.Diagnostics;
using System.Globalization;
using Btx.Fixtures;

namespace Btx.LoadTests.Tests.Sweeps;

/// <summary><c>btx loadtest</c> as a user runs it, on a tiny forest and a tiny BTX model of two domains' text.</summary>
public sealed class SweepProgram : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("btx-quick-sweep-");
    private readonly TinyServedForest _forest = new(new TinyForest { Experts = 2 });
    private readonly TinyServedMoe _mixture = new();

    public SweepProgram()
    {
        foreach (var (domain,
            text) in new[] { ("alpha", "In the beginning there was a sentence, and it went on and on.\\nThen came another one."),
            ("beta", "def f(x):\\n    return x + 1\\n\\nprint(f(41))") })
        {
            Directory.CreateDirectory(At("corpus", domain));
            File.WriteAllText(At("corpus", domain, "test.jsonl"),
                string.Concat(Enumerable.Range(0, 8).Select(i => $"{{\"id\":\"{i}\",\"text\":\"{i}. {text} {text} {text}\"}}\n")));
        }
    }

    public string Forest => _forest.Served;

    public string Mixture => _mixture.Served;

    public string At(params string[] parts) => Path.Combine([_root.FullName, .. parts]);

    public static Process Start(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Built("Btx.LoadTests"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true
        };
        start.Environment["BTX_SERVER_PROGRAM"] = Built("Btx.Server");
        return Process.Start(start)!;
    }

    public static async Task<(int Exit, string Output, string Errors)> RunAsync(params string[] arguments)
    {
        using var process = Start(arguments);
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, await errors);
    }

    // Where the build puts a program for its users: beside the tests lie only those of its files that the tests need.
    private static string Built(string program) =>
        Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", program, "release", $"{program}.dll"));

    /// <summary>Every file, with when it was written.</summary>
    public static string[] Listing(string directory) =>
        [.. Directory.GetFiles(directory, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
        .Select(f => string.Create(CultureInfo.InvariantCulture, $"{f} {File.GetLastWriteTimeUtc(f):O} {new FileInfo(f).Length}"))];

    public void Dispose()
    {
        _root.Delete(recursive: true);
        _forest.Dispose();
        _mixture.Dispose();
    }
}
