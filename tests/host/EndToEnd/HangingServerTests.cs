using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using Btx.Fixtures;
using Btx.V1;
using Grpc.Net.Client;

namespace Btx.Server.Tests.EndToEnd;

/// <summary>A server of which something hangs or broke says so to its supervisor, and ends when it is told to.</summary>
public sealed class HangingServerTests(ServedForestFixture tiny) : IClassFixture<ServedForestFixture>
{
    [Fact]
    public async Task A_step_and_a_change_that_hang_fail_liveness_and_do_not_stop_the_end()
    {
        var never = Path.Combine(Path.GetDirectoryName(tiny.Served)!, "never");
        using var serve = await StartAsync("--step-limit", "1", "--shutdown-limit", "0", "--allow-unauthenticated-admin",
            "--fault-point", $"engine:step=hold:{never}", "--fault-point", $"change:validated=hold:{never}");
        var running = serve.Http.PostAsJsonAsync("/v1/completions", new { model = "forest", prompt = "The", max_tokens = 3 });
        using var channel = GrpcChannel.ForAddress(serve.Grpc);
        var forest = new V1.Forest.ForestClient(channel);
        var expert = (await forest.ListExpertsAsync(new())).Experts[0].Name;
        using var change = forest.RemoveExpert(new() { Experts = { expert }, By = new() { Author = "ada", Reason = "a test" } });
        await serve.SaidAsync("fault point engine:step", "fault point change:validated");
        while (await serve.HealthAsync("live") is (HttpStatusCode.OK, _)) await Task.Delay(20, TestContext.Current.CancellationToken);
        Assert.Equal((HttpStatusCode.ServiceUnavailable,
            """{"status":"failed","reason":"the engine's thread is busy with one step for longer than --step-limit, 1 s"}"""),
            await serve.HealthAsync("live"));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await serve.HealthAsync("ready")).Status);

        Assert.Equal(1, await serve.TerminateAsync());
        Assert.Contains(serve.Errors, line => line.StartsWith(
            "error: the shutdown has not ended after 10 s, --shutdown-limit and 10 s; ending the process", StringComparison.Ordinal));
        using var answer = await running; // the client was told before the end
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Contains("shutting_down", await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken),
            StringComparison.Ordinal);
        await Assert.ThrowsAnyAsync<Exception>(async () => await change.ResponseStream.MoveNext(default));
    }

    [Fact]
    public async Task A_broken_engine_fails_liveness_with_the_reason_and_the_server_ends_as_usual()
    {
        using var serve = await StartAsync("--fault-point", "engine:turn=throw");
        Assert.Equal((HttpStatusCode.ServiceUnavailable,
            """{"status":"failed","reason":"the engine has failed: fault point engine:turn"}"""), await serve.HealthAsync("live"));
        using var answer = await serve.Http.PostAsJsonAsync("/v1/completions", new { model = "forest", prompt = "The", max_tokens = 3 });
        Assert.Equal(HttpStatusCode.InternalServerError, answer.StatusCode);
        Assert.Equal(0, await serve.TerminateAsync());
        Assert.Contains("the engine has failed: fault point engine:turn", serve.Errors);
    }

    [Fact]
    public async Task A_chat_template_that_hangs_ends_chat_and_nothing_else()
    {
        const string Template = "{% for i in range(40000) %}{% for j in range(40000) %}{% set x = j %}{% endfor %}{% endfor %}";
        using var forest = new TinyServedForest(new() { Experts = 1, ChatTemplate = Template });
        using var serve = await StartAsync(forest.Served, []);
        var chat = new { model = "forest", messages = new[] { new { role = "user", content = "hi" } } };
        for (var round = 0; round < 2; round++)
        {
            using var refused = await serve.Http.PostAsJsonAsync("/v1/chat/completions", chat);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Assert.Contains("chat_unavailable", await refused.Content.ReadAsStringAsync(TestContext.Current.CancellationToken),
                StringComparison.Ordinal);
        }

        using var answer = await serve.Http.PostAsJsonAsync("/v1/completions", new { model = "forest", prompt = "The", max_tokens = 3 });
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await serve.HealthAsync("live")).Status);
        Assert.Equal(0, await serve.TerminateAsync());
        Assert.DoesNotContain(serve.Errors, line => line.Contains("leaked", StringComparison.Ordinal));
    }

    private Task<Served> StartAsync(params string[] arguments) => StartAsync(tiny.Served, arguments);

    private static Task<Served> StartAsync(string forest, string[] arguments) => Served.StartAsync(["serve", "--forest", forest, "--http",
        "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--threads", "1", "--slots", "2", .. arguments]);

    private sealed class Served : IDisposable
    {
        private readonly Process _process;
        private readonly List<string> _errors = [];
        private readonly Task _read;

        private Served(Process process)
        {
            _process = process;
            _read = Task.Run(async () =>
            {
                while (await process.StandardError.ReadLineAsync() is { } line)
                {
                    lock (_errors) _errors.Add(line);
                }
            });
        }

        public HttpClient Http { get; } = new();

        public string Grpc { get; private set; } = "";

        public IReadOnlyList<string> Errors
        {
            get
            {
                lock (_errors) return [.. _errors];
            }
        }

        public static async Task<Served> StartAsync(string[] arguments)
        {
            var process = Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "Btx.Server.dll"),
                .. arguments])
            { RedirectStandardOutput = true, RedirectStandardError = true })!;
            var served = new Served(process);
            while (served.Grpc.Length == 0 && await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
            {
                var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (words.FirstOrDefault() == "HTTP") served.Http.BaseAddress = new(words[1][..^"/v1".Length]);
                if (words.FirstOrDefault() == "gRPC") served.Grpc = words[1];
            }

            Assert.True(served.Grpc.Length > 0, string.Join('\n', served.Errors));
            _ = process.StandardOutput.ReadToEndAsync();
            return served;
        }

        public async Task SaidAsync(params string[] parts)
        {
            using var hang = new CancellationTokenSource(TimeSpan.FromMinutes(1));
            while (!parts.All(part => Errors.Any(line => line.Contains(part, StringComparison.Ordinal)))) await Task.Delay(10, hang.Token);
        }

        public async Task<(HttpStatusCode Status, string Body)> HealthAsync(string kind)
        {
            using var response = await Http.GetAsync($"/health/{kind}", TestContext.Current.CancellationToken);
            return (response.StatusCode, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        }

        /// <returns>The exit code.</returns>
        public async Task<int> TerminateAsync()
        {
            using var kill = Process.Start("kill", ["-TERM", _process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
            await _process.WaitForExitAsync(TestContext.Current.CancellationToken);
            await _read;
            return _process.ExitCode;
        }

        public void Dispose()
        {
            if (!_process.HasExited) _process.Kill();
            _process.Dispose();
            Http.Dispose();
        }
    }
}
