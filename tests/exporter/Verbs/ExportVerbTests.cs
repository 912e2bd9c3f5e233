using System.Diagnostics;
using System.Text.Json;
using Btx.Fixtures;

namespace Btx.Exporter.Tests.Verbs;

/// <summary>The program as a user runs it: exit codes, streams, files.</summary>
public sealed class ExportVerbTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void A_forest_is_exported_and_the_largest_difference_printed()
    {
        new TinyForest { Experts = 2 }.Write(directory["forest"]);
        var (code, output, error) = Run("export", "--forest", directory["forest"], "--out", directory["served"], "--json",
            directory["report.json"]);
        Assert.Equal(0, code);
        Assert.DoesNotContain("error", error);
        Assert.Contains("largest difference", output);
        Assert.DoesNotContain('\u001b', output);
        using var report = JsonDocument.Parse(File.ReadAllText(directory["report.json"]));
        Assert.Equal(2, report.RootElement.GetProperty("manifest").GetProperty("experts").GetArrayLength());
        Assert.InRange(report.RootElement.GetProperty("max_relative_difference").GetDouble(), 0, 1e-4);
    }

    [Fact]
    public void A_mixture_is_exported_and_the_cost_of_its_precision_printed()
    {
        new TinyMoe().Write(directory["model"]);
        var (code, output, error) = Run("export", "--btx", directory["model"], "--out", directory["served"], "--precision", "int4",
            "--json", directory["report.json"]);
        Assert.Equal(0, code);
        Assert.DoesNotContain("error", error);
        Assert.Contains("experts: name-0, name-1, name-2, name-3; router top2, k = 2; weights weights/model.safetensors", output);
        Assert.Contains("cost of int4 on a passage of English:", output);
        using var report = JsonDocument.Parse(File.ReadAllText(directory["report.json"]));
        Assert.InRange(report.RootElement.GetProperty("manifest").GetProperty("quantisation_loss").GetDouble(), 1e-6, 0.1);
        Assert.NotEqual(0, report.RootElement.GetProperty("bits_per_byte_loss").GetDouble());
    }

    [Theory]
    [InlineData(2, "name one source: --forest DIR or --btx DIR", "export", "--forest", "x", "--btx", "y", "--out", "z")]
    [InlineData(2, "--form does not go with --forest", "export", "--forest", "x", "--out", "y", "--form", "moe-op")]
    [InlineData(2, "--genai does not go with --btx", "export", "--btx", "x", "--out", "y", "--genai")]
    [InlineData(2, "error: --form \"loop\": use gathered, moe-op", "export", "--btx", "x", "--out", "y", "--form",
        "loop")]
    [InlineData(1, "error: --experts-per-token 1,two: expected whole numbers", "export", "--btx", "x", "--out", "y",
        "--experts-per-token", "1,two")]
    [InlineData(2, "name one source: --forest DIR or --btx DIR", "export", "--out", "x")]
    [InlineData(2, "--threads -1: expected 0 to 1024", "export", "--forest", "x", "--out", "y", "--threads", "-1")]
    [InlineData(2, "Unrecognized command or argument", "export", "--forest", "x", "--out", "y", "--quick")]
    [InlineData(1, "error: --precision fp8: unknown precision; use fp32, fp16, int8 or int4", "export", "--forest",
        "x", "--out", "y", "--precision", "fp8")]
    [InlineData(1, "error: --device tpu: unknown device", "export", "--forest", "x", "--out", "y", "--device", "tpu")]
    [InlineData(1, "forest.json: not found", "export", "--forest", "/nowhere", "--out", "y")]
    public void Wrong_usage_and_failure_have_their_exit_codes(int expected, string message, params string[] arguments)
    {
        var (code, _, error) = Run(arguments);
        Assert.Contains(message, error);
        Assert.Equal(expected, code);
        Assert.All(error.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => Assert.Matches("^(error|see): ", line));
    }

    [Theory]
    [InlineData("INT")]
    [InlineData("TERM")]
    public async Task Stopped_it_says_so_and_leaves_nothing(string signal)
    {
        new TinyForest { Experts = 40 }.Write(directory["forest"]);
        using var process = Start("export", "--forest", directory["forest"], "--out", directory["served"]);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        while (Directory.GetDirectories(directory.Root, ".served.*").Length == 0 && !process.HasExited)
            await Task.Delay(1, TestContext.Current.CancellationToken);
        using (var kill = Process.Start("kill", [$"-{signal}", $"{process.Id}"]))
            await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal("stopped; nothing was written", (await error).TrimEnd().Split('\n')[^1]);
        Assert.Equal(130, process.ExitCode);
        Assert.Equal([directory["forest"]], Directory.GetFileSystemEntries(directory.Root));
        Assert.DoesNotContain("served forest:", await output);
    }

    [Fact]
    public void Help_shows_examples()
    {
        var (code, output, _) = Run("export", "--help");
        Assert.Equal(0, code);
        Assert.Contains("Examples:", output);
        Assert.Contains("btx export [options]", output);
        Assert.DoesNotContain("Btx.Exporter", output);
    }

    private (int Code, string Output, string Error) Run(params string[] arguments)
    {
        using var process = Start(arguments);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }

    // A shell's background job ignores SIGINT, and its children inherit that.
    private Process Start(params string[] arguments) =>
        Process.Start(new ProcessStartInfo("env",
        ["--default-signal=INT", "dotnet", Path.Combine(AppContext.BaseDirectory, "Btx.Exporter.dll"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = directory.Root,
        })!;
}
