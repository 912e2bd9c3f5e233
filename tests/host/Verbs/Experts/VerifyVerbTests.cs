using System.Diagnostics;
using Btx.Model.Registry;
using Btx.Server.Tests.Fakes;

namespace Btx.Server.Tests.Verbs.Experts;

/// <summary><c>btx experts verify</c>: a certificate may come from anybody.</summary>
public sealed class VerifyVerbTests : IAsyncLifetime
{
    private RunningServer _server = null!;
    private RemovalCertificate _certificate = null!;

    private string File => _server.Disk["certificate.json"];

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync();
        string[] remove = ["remove", "python", "--yes", "--reason", "a test", "--certificate", File];
        Assert.Equal(0, (await ExpertsRun.On(_server, null, remove)).Code);
        _certificate = RemovalCertificate.Parse(await System.IO.File.ReadAllBytesAsync(File), File);
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task What_a_forged_certificate_says_stays_on_its_line()
    {
        const string Lie = "eve\n  ok     signed\nvalid\n\u001b[8m";
        (_certificate with
        {
            Author = Lie,
            Reason = Lie,
            Removed = [_certificate.Removed[0] with { Name = Lie }],
            Residuals = [_certificate.Residuals[0] with { Expert = Lie, Status = Lie, Share = 0.5 }],
        }).Save(File);
        var (code, output, _) = await ExpertsRun.On(null, null, "verify", File);
        Assert.Equal(1, code);
        Assert.DoesNotContain('\u001b', output);
        Assert.DoesNotContain("valid", output.Split('\n'));
        Assert.DoesNotContain(output.Split('\n'), line => line.StartsWith("  ok     signed", StringComparison.Ordinal));
        Assert.Contains("by eve\\n  ok     signed\\nvalid\\n\\u001b[8m on", output, StringComparison.Ordinal);
        Assert.EndsWith("\nNOT VALID\n", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task A_null_in_a_list_is_a_fault(bool removed, bool residuals)
    {
        (_certificate with
        {
            Removed = removed ? [null!] : _certificate.Removed,
            Residuals = residuals ? [null!] : _certificate.Residuals,
        }).Save(File);
        var (code, output, _) = await ExpertsRun.On(null, null, "verify", File);
        Assert.Equal(1, code);
        Assert.Contains("\n  FAULT  removed or residuals holds null\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_directory_that_is_no_served_forest_is_not_found()
    {
        foreach (string[] verb in (string[][])[["history"], ["verify", File], ["list"]])
        {
            var (code, output, errors) = await ExpertsRun.On(null, null, [.. verb, "--forest", _server.Disk.Forest]);
            Assert.Equal((1, ""), (code, output));
            Assert.Contains("served.json: not found", errors, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_line_stands_for_standard_input()
    {
        var program = Path.Combine(AppContext.BaseDirectory, "Btx.Server.dll");
        using var process = Process.Start(new ProcessStartInfo("bash", ["-c", $"dotnet '{program}' experts verify - < '{File}'"])
        {
            RedirectStandardOutput = true,
        })!;
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal((await ExpertsRun.On(null, null, "verify", File)).Output, output);
        Assert.StartsWith($"certificate of removal {_certificate.ChangeId}: python, by ", output, StringComparison.Ordinal);
    }
}
