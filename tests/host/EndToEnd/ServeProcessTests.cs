using System.Diagnostics;
using System.Text.Json;
using Btx.Server.Tests.Listeners;
using static Btx.Server.Tests.EndToEnd.ServerProgram;

namespace Btx.Server.Tests.EndToEnd;

/// <summary>The program as its users start it: it serves, with keys and with TLS, and ends when it is told to.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
[Collection(ServedForestFixture.Name)]
public sealed class ServeProcessTests(ServedForestFixture tiny)
{
    [Fact]
    public async Task It_serves_generates_scores_and_stops_on_sigterm_with_exit_code_0()
    {
        using var serve = Start("serve", "--forest", tiny.Served, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--threads", "1",
            "--slots", "2");
        var grpc = "";
        for (string? line; grpc.Length == 0
            && (line = await serve.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken)) is not null;)
        {
            if (line.Contains("gRPC", StringComparison.Ordinal)) grpc = line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^1];
        }

        Assert.StartsWith("http://127.0.0.1:", grpc, StringComparison.Ordinal);
        Assert.DoesNotContain(Directory.GetFiles($"/proc/{serve.Id}/fd"),
            file => new FileInfo(file).LinkTarget == "anon_inode:inotify"); // null for one that is closed meanwhile
        var remote = await Run("generate", "The cat", "--server", grpc, "--max-tokens", "5", "--seed", "1", "--ignore-eos",
            "--show-experts");
        Assert.Equal(0, remote.Code);
        Assert.Contains("contributions: ", remote.Output, StringComparison.Ordinal);
        var schema = Path.Combine(tiny.Served, "..", "answer.schema.json");
        await File.WriteAllTextAsync(schema, """{"type": "array", "items": {"enum": ["red", 7]}, "minItems": 2, "maxItems": 3}""",
            TestContext.Current.CancellationToken);
        var held = await Run("generate", "The cat", "--server", grpc, "--schema", schema, "--presence-penalty", "0.5", "--seed", "2");
        Assert.True(held.Code == 0, held.Errors);
        Assert.All(JsonDocument.Parse(held.Output).RootElement.EnumerateArray(), item => Assert.True(item.ToString() is "red" or "7"));
        var refused = await Run("generate", "The cat", "--server", grpc, "--mode", "top_k", "--k", "0");
        Assert.Equal(1, refused.Code);
        Assert.StartsWith("error: k is 0; expected 1..", refused.Errors, StringComparison.Ordinal);
        Assert.Single(refused.Errors.Trim().Split((char)10));
        var kill = Process.Start("kill", ["-TERM", serve.Id.ToString()]);
        await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        await serve.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, serve.ExitCode);
        Assert.DoesNotContain("dbug", await serve.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Other_machines_need_a_key_and_with_keys_everybody_does()
    {
        var keys = Path.Combine(Directory.CreateTempSubdirectory("btx-serve-").FullName, "keys.json");
        var open = await Run("serve", "--forest", tiny.Served, "--http", "0.0.0.0:0", "--grpc", "127.0.0.1:0");
        Assert.Equal((1, "error: --http 0.0.0.0:0: whoever reaches that address could use this server; give it keys (--keys FILE, which "
            + "`btx keys create` makes), listen on loopback, or say --insecure\n"), (open.Code, open.Errors));
        var made = await Run("keys", "create", "--keys", keys, "--name", "acme", "--experts", "alpha");
        Assert.Equal(0, made.Code);
        using var serve = Start("serve", "--forest", tiny.Served, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--threads", "1",
            "--slots", "2", "--keys", keys);
        var lines = new List<string>();
        while (!lines.Exists(line => line.Contains("  access ", StringComparison.Ordinal)))
            lines.Add((await serve.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken))!);
        Assert.Equal("  access   everything but health needs a key", lines[^1]);
        var grpc = lines.Single(line => line.Contains("gRPC", StringComparison.Ordinal)).Split(' ')[^1];
        string[] asked = ["generate", "The cat", "--server", grpc, "--max-tokens", "3", "--ignore-eos", "--mode", "expert", "--expert"];
        Assert.StartsWith("error: an API key is needed", (await Run([.. asked, "alpha"])).Errors, StringComparison.Ordinal);
        var file = Path.Combine(Path.GetDirectoryName(keys)!, "acme.key");
        await File.WriteAllTextAsync(file, made.Output, TestContext.Current.CancellationToken);
        Assert.Contains("chmod 600", (await Run([.. asked, "alpha", "--api-key-file", file])).Errors, StringComparison.Ordinal);
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(file, UnixFileMode.UserRead);
        Assert.Equal(0, (await Run([.. asked, "alpha", "--api-key-file", file])).Code);
        var refused = await Run([.. asked, "beta", "--api-key-file", file]);
        Assert.Equal((1, "error: this key is not for expert \"beta\", but for alpha\n"), (refused.Code, refused.Errors));
        serve.Kill();
        await serve.WaitForExitAsync(TestContext.Current.CancellationToken);
        Directory.Delete(Path.GetDirectoryName(keys)!, recursive: true);
    }

    [Fact]
    public async Task A_configuration_with_TLS_and_a_listener_of_administration_serves_the_command_lines_clients()
    {
        using var certificates = new TestCertificates();
        var client = certificates.Client();
        var (config, served) = (certificates["btx.json"], JsonSerializer.Serialize(tiny.Served));
        await File.WriteAllTextAsync(config, $$"""
            { "forest": {{served}}, "http": "127.0.0.1:0", "grpc": "nowhere", "admin": "127.0.0.1:0", "threads": 1, "slots": 2,
              "tls_cert": "{{certificates.Server.CertificateFile}}", "tls_key": "{{certificates.Server.KeyFile}}",
              "tls_client_ca": "{{certificates.Ca}}", "allow_unauthenticated_admin": true }
            """, TestContext.Current.CancellationToken);
        var bad = await Run("serve", "--config", config, "--keys", "/nowhere");
        Assert.Equal(1, bad.Code);
        Assert.Equal("error: --grpc is \"nowhere\"; expected ADDRESS:PORT, for example 127.0.0.1:8080; "
            + "--allow-unauthenticated-admin is given beside keys (--admin-key-file, --keys or --jwt-*); choose one; "
            + "--keys /nowhere: cannot be read (/nowhere: not found); `btx keys create` makes one (--grpc is from "
            + $"{config}:grpc, --allow-unauthenticated-admin is from {config}:allow_unauthenticated_admin)\n", bad.Errors);
        using var serve = Start("serve", "--config", config, "--grpc", "127.0.0.1:0");
        var lines = new List<string>();
        while (lines.Count == 0 || !lines[^1].StartsWith("Ctrl-C", StringComparison.Ordinal))
            lines.Add((await serve.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken))!);
        string Url(string what) => lines.Single(line => line.StartsWith($"  {what}", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1].TrimEnd(':');
        Assert.StartsWith("loading; https://127.0.0.1:", lines[0], StringComparison.Ordinal);
        Assert.Contains(lines, line => line.StartsWith("  TLS      CN=first until ", StringComparison.Ordinal));
        string[] known = ["--server-ca", certificates.Ca, "--client-cert", client.CertificateFile!];
        var generated = await Run(["generate", "The cat", "--server", Url("gRPC"), "--max-tokens", "3", "--ignore-eos", .. known]);
        Assert.True(generated.Code == 0, generated.Errors);
        Assert.Contains("alpha", (await Run(["experts", "list", "--server", Url("admin"), .. known])).Output, StringComparison.Ordinal);
        Assert.StartsWith("error: there is no such service", (await Run(["experts", "list", "--server", Url("gRPC"), .. known])).Errors,
            StringComparison.Ordinal);
        Assert.Contains("--server-ca FILE", (await Run("generate", "The cat", "--server", Url("gRPC"))).Errors, StringComparison.Ordinal);
        serve.Kill();
        await serve.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_hang_up_lets_running_requests_finish()
    {
        using var serve = Start("serve", "--forest", tiny.Served, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--threads", "1",
            "--slots", "2");
        string? line, http = null;
        while ((line = await serve.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken)) is not null
            && !line.StartsWith("Ctrl-C", StringComparison.Ordinal))
        {
            if (line.Contains("HTTP", StringComparison.Ordinal)) http = line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
        }

        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{http}/completions")
        {
            Content = System.Net.Http.Json.JsonContent.Create(new
            {
                model = "forest",
                prompt = "The cat",
                max_tokens = 40,
                ignore_eos = true,
                stream = true
            }),
        };
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead,
            TestContext.Current.CancellationToken);
        using var kill = Process.Start("kill", ["-HUP", serve.Id.ToString()]);
        Assert.EndsWith("data: [DONE]\n\n", await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken),
            StringComparison.Ordinal);
        await serve.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, serve.ExitCode);
    }
}
