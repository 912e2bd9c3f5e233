using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using static Btx.Server.Tests.EndToEnd.ServerProgram;

namespace Btx.Server.Tests.EndToEnd;

/// <summary>The program's command line: what it reads and writes, what it refuses, in one line, and with which exit code it ends.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
[Collection(ServedForestFixture.Name)]
public sealed class CommandLineTests(ServedForestFixture tiny)
{
    [Fact]
    public async Task A_btx_model_runs_alone_and_says_that_it_has_no_forest()
    {
        var generated = await Run("generate", "The cat", "--btx", tiny.ServedMoe, "--mode", "moe", "--k", "2", "--max-tokens", "5",
            "--seed", "1", "--ignore-eos", "--show-experts", "--threads", "1");
        Assert.Equal((0, true), (generated.Code, generated.Output.Contains("routed to: ", StringComparison.Ordinal)));
        foreach (var (arguments, message) in new[]
        {
            (new[] { "--mode", "ensemble" }, "error: only a BTX model is loaded, no forest; use mode moe\n"),
            (["--mode", "moe", "--k", "5"], "error: k is 5; expected 1..4, the number of the mixture's experts\n"),
            (["--mode", "moe", "--posterior", "fixed"],
                "error: posterior does not apply to mode moe: it is for ensemble and top_k and top_p; "
                + "leave it out or choose another mode\n"),
        })
        {
            var refused = await Run(["generate", "The cat", "--btx", tiny.ServedMoe, "--threads", "1", .. arguments]);
            Assert.Equal((1, message), (refused.Code, refused.Errors));
        }

        var neither = await Run("serve");
        Assert.Equal(2, neither.Code);
        Assert.Contains("'--forest' or '--btx' is required", neither.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_port_in_use_and_bad_options_are_one_line_and_exit_code_1()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        var inUse = await Run("serve", "--forest", tiny.Served, "--http", $"127.0.0.1:{port}", "--grpc", "127.0.0.1:0");
        Assert.Equal(
            (1, $"error: --http 127.0.0.1:{port}: port {port} is in use; stop the program that listens there or choose another port\n"),
            (inUse.Code, inUse.Errors));
        var bad = await Run("serve", "--forest", tiny.Served, "--http", "nowhere", "--slots", "0");
        Assert.Equal(1, bad.Code);
        Assert.Contains("--http", bad.Errors, StringComparison.Ordinal);
        Assert.Contains("--slots", bad.Errors, StringComparison.Ordinal);
        Assert.Single(bad.Errors.Trim().Split('\n'));
    }

    [Fact]
    public async Task What_cannot_be_loaded_is_one_line_and_exit_code_1_though_the_server_listened()
    {
        var failed = await Run("serve", "--forest", "/nowhere", "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0");
        Assert.Equal(1, failed.Code);
        Assert.StartsWith("loading; http://127.0.0.1:", failed.Output, StringComparison.Ordinal);
        Assert.StartsWith("error: /nowhere", failed.Errors, StringComparison.Ordinal);
        Assert.Single(failed.Errors.Trim().Split('\n'));
    }

    [Fact]
    public async Task Too_few_files_are_one_line()
    {
        using var process = Process.Start(new ProcessStartInfo("sh",
            ["-c", $"ulimit -n 64; exec dotnet {Dll} serve --forest {tiny.Served} --http 127.0.0.1:0 --grpc 127.0.0.1:0"])
        {
            RedirectStandardError = true
        })!;
        var errors = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(1, process.ExitCode);
        Assert.Matches(
            @"^error: this process may open 64 files; a server needs \d+ and one for each connection: "
            + @"raise the limit \(`ulimit -n 4096`\)\n$",
            errors);
    }

    [Fact]
    public async Task Wrong_usage_is_exit_code_2()
    {
        var wrong = await Run("serve", "--nonsense");
        Assert.Equal(2, wrong.Code);
        Assert.Contains("--nonsense", wrong.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_dash_is_standard_input_and_output_and_an_unknown_option_is_no_text()
    {
        string[] here = ["--forest", tiny.Served, "--threads", "1"];
        var generated = await RunWith("The cat", ["generate", "-", .. here, "--max-tokens", "5", "--temperature", "0", "--ignore-eos"]);
        var given = await Run(["generate", "The cat", .. here, "--max-tokens", "5", "--temperature", "0", "--ignore-eos"]);
        Assert.Equal((0, given.Output), (generated.Code, generated.Output));

        var text = string.Concat(Enumerable.Repeat("The cat sat on the mat. ", 40));
        var scored = await RunWith(text, ["score", "--file", "-", .. here, "--stride", "16", "--json", "-"]);
        Assert.True(scored.Code == 0, scored.Errors);
        using var json = JsonDocument.Parse(scored.Output);
        var (n, windows) = (json.RootElement.GetProperty("tokens").GetArrayLength(), json.RootElement.GetProperty("windows"));
        Assert.Equal(n - 1, json.RootElement.GetProperty("logprobs").GetArrayLength());
        Assert.Equal(n, windows[windows.GetArrayLength() - 1].GetProperty("end").GetInt32());
        Assert.Contains($"it was scored in {windows.GetArrayLength()} windows", scored.Errors, StringComparison.Ordinal);

        var unknown = await Run(["generate", "--max-token=5", .. here]);
        Assert.Equal(2, unknown.Code);
        Assert.StartsWith("error: unknown option \"--max-token=5\"", unknown.Errors, StringComparison.Ordinal);
    }
}
