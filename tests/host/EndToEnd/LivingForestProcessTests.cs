using System.Diagnostics;
using Btx.Fixtures;
using static Btx.Server.Tests.EndToEnd.ServerProgram;

namespace Btx.Server.Tests.EndToEnd;

/// <summary>A forest is changed by the command line while the program serves it, and stays changed.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class LivingForestProcessTests
{
    [Fact]
    public async Task An_expert_is_removed_from_a_running_server_and_the_certificate_is_checked_offline()
    {
        using var tiny = new TinyServedForest();
        var certificate = Path.Combine(tiny.Served, "..", "beta.json");
        var key = Path.Combine(tiny.Served, "..", "admin.key");
        await File.WriteAllTextAsync(key, new string('k', 32), TestContext.Current.CancellationToken);
        File.SetUnixFileMode(key, UnixFileMode.UserRead);
        using var serve = Start("serve", "--forest", tiny.Served, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--threads", "1",
            "--slots", "2", "--admin-key-file", key);
        var (grpc, forest) = ("", "");
        for (string? line; forest.Length == 0
            && (line = await serve.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken)) is not null;)
        {
            if (line.Contains("gRPC", StringComparison.Ordinal))
                grpc = new Uri(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^1]).Authority;
            if (line.Contains("  forest ", StringComparison.Ordinal)) forest = line;
        }

        Assert.Contains("revision 0; changes need the admin key; certificates by key ", forest, StringComparison.Ordinal);
        var fingerprint = forest.Split(' ')[^1];
        var unknown = await Run("experts", "remove", "beta", "--yes", "--reason", "unwanted", "--server", grpc);
        Assert.Equal(1, unknown.Code);
        Assert.EndsWith("error: the server's admin key is needed; give its file with --admin-key-file\n", unknown.Errors,
            StringComparison.Ordinal);
        var removed = await Run("experts", "remove", "beta", "--yes", "--reason", "unwanted", "--certificate", certificate, "--server",
            grpc, "--admin-key-file", key);
        Assert.True(removed.Code == 0, removed.Errors);
        Assert.Contains("c000001 committed: remove beta, revision 0 -> 1", removed.Output, StringComparison.Ordinal);
        Assert.Contains("equality     passed", removed.Output, StringComparison.Ordinal);
        var gone = await Run("generate", "The cat", "--mode", "expert", "--expert", "beta", "--server", $"http://{grpc}");
        Assert.Equal((1, "error: no expert \"beta\"; there are alpha, gamma\n"), (gone.Code, gone.Errors));
        var second = await Run("serve", "--forest", tiny.Served, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0");
        Assert.Contains("is served by another process", second.Errors, StringComparison.Ordinal);

        using var kill = Process.Start("kill", ["-TERM", serve.Id.ToString()]);
        await serve.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, serve.ExitCode);
        var verified = await Run("experts", "verify", certificate, "--forest", tiny.Served, "--fingerprint", fingerprint);
        Assert.True(verified.Code == 0, verified.Output);
        var here = await Run("generate", "The cat", "--mode", "expert", "--expert", "beta", "--forest", tiny.Served, "--threads", "1");
        Assert.Equal((1, "error: no expert \"beta\"; there are alpha, gamma\n"), (here.Code, here.Errors));
        using var readOnly = Start("serve", "--forest", tiny.Served, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--threads", "1",
            "--slots", "2", "--read-only");
        var lines = new List<string>();
        while (lines.Count < 6) lines.Add((await readOnly.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken))!);
        Assert.StartsWith("serving 2 experts (alpha, gamma)", lines[1], StringComparison.Ordinal); // after that it loads
        Assert.Contains("  forest   as it is on disk; it takes no changes (--read-only)", lines);
        var refused = await Run("experts", "remove", "alpha", "--yes", "--reason", "r", "--server",
            new Uri(lines.Single(l => l.Contains("gRPC", StringComparison.Ordinal)).Split(' ')[^1]).Authority);
        Assert.Contains("no forest is served here that can be changed: the server runs with --read-only", refused.Errors,
            StringComparison.Ordinal);
        readOnly.Kill();
        Assert.StartsWith("forest at revision 1: 2 experts", (await Run("experts", "list", "--forest", tiny.Served)).Output,
            StringComparison.Ordinal);
    }
}
