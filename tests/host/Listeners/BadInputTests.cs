using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Btx.Server.Tests.Fakes;
using Btx.V1;
using Grpc.Core;

namespace Btx.Server.Tests.Listeners;

/// <summary>What is wrong with a request is said in one line, with the right code, by HTTP; nothing reaches the engine. By gRPC:
/// <see cref="BadGrpcInputTests"/>.</summary>
public sealed class BadInputTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public static TheoryData<string, string, int, string> Bodies => new()
    {
        { """{"model":"forest","prompt":"a","max_tokens":-1}""", "max_tokens", 400, "max_tokens is -1" },
        { """{"model":"forest","prompt":"a","max_tokens":0}""", "max_tokens", 400, "max_tokens is 0" },
        { """{"model":"forest","prompt":"a","max_tokens":2000000000}""", "max_tokens", 400, "expected 1..64" },
        { """{"model":"forest","prompt":"a","max_tokens":1e30}""", "max_tokens", 400, "whole number" },
        { """{"model":"forest","prompt":"a","temperature":-0.1}""", "temperature", 400, "temperature is -0.1" },
        { """{"model":"forest","prompt":"a","temperature":1e999}""", "temperature", 400, "finite number" },
        { """{"model":"forest","prompt":"a","temperature":"NaN"}""", "temperature", 400, "finite number" },
        { """{"model":"forest","prompt":"a","top_p":0}""", "top_p", 400, "top_p is 0" },
        { """{"model":"forest","prompt":"a","min_p":2}""", "min_p", 400, "min_p is 2" },
        { """{"model":"forest","prompt":"a","repetition_penalty":0}""", "repetition_penalty", 400, "repetition_penalty is 0" },
        { """{"model":"forest","prompt":""}""", "prompt", 400, "prompt is empty" },
        { """{"model":"forest","prompt":[]}""", "prompt", 400, "prompt is empty" },
        { """{"model":"forest"}""", "prompt", 400, "prompt is missing" },
        { """{"model":"forest","prompt":["a",["b"]]}""", "prompt", 400, "expected a string" },
        { """{"model":"forest","prompt":[1,99999]}""", "prompt", 400, "prompt token 1 is 99999" },
        { """{"model":"forest","prompt":"\ud800"}""", "prompt", 400, "prompt" },
        { """{"model":"forest","prompt":"a","n":0}""", "n", 400, "n is 0" },
        { """{"model":"forest","prompt":"a","suffix":"b"}""", "suffix", 400, "suffix" },
        { """{"model":"forest","prompt":"a","max_token":3}""", "max_token", 400, "unknown field" },
        { """{"model":"forest","prompt":"a","logprobs":21}""", "logprobs", 400, "logprobs is 21; expected 0..20" },
        { """{"model":"forest","prompt":"a","stop":["a",""]}""", "stop", 400, "stop" },
        { """{"model":"forest","prompt":"a","stop":3}""", "stop", 400, "stop" },
        { """{"model":"forest","prompt":"a","stream_options":{"include_usage":true}}""", "stream_options", 400, "stream" },
        { """{"prompt":"a"}""", "model", 400, "model is missing" },
        { """{"model":"gpt-4","prompt":"a"}""", "model", 404, "no model" },
        { """{"model":"expert:nobody","prompt":"a"}""", "model", 404, "novels, python, german" },
        { """{"model":"average:posterior@german","prompt":"a"}""", "model", 404, "novels, python" },
        { """{"model":"average:posterior","prompt":"a"}""", "model", 400, "target domain" },
        { """{"model":"average:median","prompt":"a"}""", "model", 404, "no average \"median\"; there are prose" },
        { """{"model":"forest:top_k=0","prompt":"a"}""", "model", 400, "k is 0; expected 1..3" },
        { """{"model":"forest:top_k=4","prompt":"a"}""", "model", 400, "k is 4; expected 1..3" },
        { """{"model":"forest:top_p=1.5","prompt":"a"}""", "model", 400, "p is 1.5" },
        { """{"model":"forest:top_p=NaN","prompt":"a"}""", "model", 400, "p is NaN" },
        { """{"model":"btx:k=0","prompt":"a"}""", "model", 400, "k is 0; expected 1..3" },
        { """{"model":"btx:k=4","prompt":"a"}""", "model", 400, "k is 4; expected 1..3" },
        { """{"model":"btx:prior=python","prompt":"a"}""", "model", 400, "the only option is k=K" },
        { """{"model":"forest:top_k=2,select=per_token","prompt":"a"}""", "model", 400, "scoring" },
        { """{"model":"forest:reroute=4","prompt":"a"}""", "model", 400, "reroute_interval does not apply to mode ensemble" },
        { """{"model":"forest","prompt":"a","max_tokens":2,"max_tokens":3}""", "max_tokens", 400, "max_tokens is given twice" },
        { """{"model":"forest","prompt":"a","stream":true,"stream_options":{"include_usage":true,"include_usage":false}}""",
            "stream_options.include_usage", 400, "given twice" },
        { """{"model":"forest","prompt":"a","stream":true,"stream_options":{"usage":true}}""", "stream_options.usage", 400,
            "unknown field" },
        { """{"model":"forest","prompt":"a","user":5}""", "user", 400, "expected a string" },
        { $$"""{"model":"forest","prompt":"a","user":"{{new string('u', 513)}}"}""", "user", 400, "user has 513 characters" },
        { $$"""{"model":"forest","prompt":"a","stop":"{{new string('s', 257)}}"}""", "stop", 400, "more than 256 characters" },
        { """{"model":"forest","prompt":"a","echo":true,"max_tokens":0,"include_experts":true}""", "include_experts", 400,
            "there are none" },
        { """{"model":"forest","prompt":"a","\ud800":1}""", "body", 400, "name is not valid" },
        { """{"model":"forest","prompt":"a","seed":"\ud800"}""", "seed", 400, "seed is" },
        { """{"model":"x\r\n\u0000\u001b[31m","prompt":"a"}""", "model", 404, """no model "x\r\n\u0000\u001b[31m";""" },
    };

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task Http_refuses(string body, string parameter, int status, string message)
    {
        using var response = await _server.Http.PostAsync("/v1/completions", new StringContent(body, Encoding.UTF8, "application/json"));
        var error = await ErrorOf(response);
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(parameter, error.GetProperty("param").GetString());
        Assert.Equal("invalid_request_error", error.GetProperty("type").GetString());
        Assert.Contains(message, error.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.GetProperty("message").GetString()!);
        Assert.Null(_server.Engine.LastGeneration);
    }

    [Fact]
    public async Task Http_refuses_what_is_not_json()
    {
        foreach (var (body, said) in new (byte[], string)[] { ("{"u8.ToArray(), "line 1, byte 2)"), ("[1]"u8.ToArray(), ""),
            ("{\n\"a\": 1,}"u8.ToArray(), "trailing comma at the end which is not supported in this mode: line 2, byte"),
            ([.. "{\"model\":\"forest\",\"prompt\":\""u8, 0xff, .. "\"}"u8], "it is not valid UTF-8)"),
            ([], "(The input does not contain any JSON tokens: line 1, byte 1)") })
        {
            using var content = new ByteArrayContent(body) { Headers = { { "content-type", "application/json" } } };
            using var response = await _server.Http.PostAsync("/v1/completions", content);
            Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
            var message = (await ErrorOf(response)).GetProperty("message").GetString()!;
            Assert.NotEmpty(message);
            Assert.Contains(said, message, StringComparison.Ordinal);
            Assert.DoesNotContain("reader", message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Http_refuses_other_content_types_large_bodies_paths_and_methods()
    {
        using var text = await _server.Http.PostAsync("/v1/completions", new StringContent("{}", Encoding.UTF8, "text/plain"));
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, text.StatusCode);
        await ErrorOf(text);
        using var large = await _server.Http.PostAsJsonAsync("/v1/completions", new { model = "forest", prompt = new string('x', 70_000) });
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, large.StatusCode);
        await ErrorOf(large);
        foreach (var nowhere in new[] { "/v1/nothing", "/nothing", "/" })
        {
            using var path = await _server.Http.GetAsync(nowhere);
            Assert.Equal(HttpStatusCode.NotFound, path.StatusCode);
            Assert.Equal($"no such path: GET {nowhere}", (await ErrorOf(path)).GetProperty("message").GetString());
        }

        using var method = await _server.Http.GetAsync("/v1/completions");
        Assert.Equal(HttpStatusCode.MethodNotAllowed, method.StatusCode);
        await ErrorOf(method);
    }

    [Fact]
    public async Task A_full_queue_and_a_failed_engine_have_codes_of_their_own()
    {
        _server.Engine.Refusal = new Engine.RequestRejectedException(Model.ErrorKind.Busy, "256 requests are waiting already");
        Assert.Equal((HttpStatusCode.ServiceUnavailable, StatusCode.ResourceExhausted), await Codes());
        _server.Engine.Refusal = new Engine.RequestRejectedException(Model.ErrorKind.Unavailable, "the server is shutting down");
        Assert.Equal((HttpStatusCode.ServiceUnavailable, StatusCode.Unavailable), await Codes());
        _server.Engine.Refusal = new Engine.RequestRejectedException(Model.ErrorKind.Internal, "the engine has failed",
            new InvalidOperationException("secret"));
        Assert.Equal((HttpStatusCode.InternalServerError, StatusCode.Internal), await Codes());
        _server.Engine.Refusal = null;
        _server.Engine.Failure = new InvalidOperationException("secret");
        Assert.Equal((HttpStatusCode.InternalServerError, StatusCode.Internal), await Codes());
    }

    [Theory]
    [InlineData(Model.ErrorKind.Internal, HttpStatusCode.InternalServerError, StatusCode.Internal)]
    [InlineData(Model.ErrorKind.Exhausted, HttpStatusCode.ServiceUnavailable, StatusCode.ResourceExhausted)]
    [InlineData(Model.ErrorKind.Invalid, HttpStatusCode.BadRequest, StatusCode.InvalidArgument)]
    [InlineData(Model.ErrorKind.Missing, HttpStatusCode.NotFound, StatusCode.NotFound)]
    [InlineData(Model.ErrorKind.Conflict, HttpStatusCode.Conflict, StatusCode.Aborted)]
    [InlineData(Model.ErrorKind.Unavailable, HttpStatusCode.ServiceUnavailable, StatusCode.Unavailable)]
    [InlineData(Model.ErrorKind.Precondition, HttpStatusCode.BadRequest, StatusCode.FailedPrecondition)]
    public async Task A_failure_is_answered_as_its_kind_says(Model.ErrorKind kind, HttpStatusCode http, StatusCode grpc)
    {
        _server.Engine.Failure = new Model.BtxException("expert \"german\" gives logits that are not finite") { Kind = kind };
        Assert.Equal((http, grpc), await Codes());
    }

    private static async Task<JsonElement> ErrorOf(HttpResponseMessage response)
    {
        Assert.Equal("application/json", response.Content.Headers.ContentType?.MediaType);
        var body = await response.Content.ReadFromJsonAsync<JsonElement>();
        var error = body.GetProperty("error");
        Assert.Equal(["message", "type", "param", "code"], error.EnumerateObject().Select(field => field.Name));
        Assert.DoesNotContain("secret", error.GetProperty("message").GetString(), StringComparison.Ordinal);
        return error;
    }

    private async Task<(HttpStatusCode Http, StatusCode Grpc)> Codes()
    {
        using var response = await _server.Http.PostAsJsonAsync("/v1/completions", new { model = "forest", prompt = "the" });
        await ErrorOf(response);
        using var call = _server.Inference.Generate(BadGrpcInputTests.New(_ => { }));
        var failure = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (await call.ResponseStream.MoveNext(default)) { }
        });
        Assert.DoesNotContain("secret", failure.Status.Detail, StringComparison.Ordinal);
        return (response.StatusCode, failure.StatusCode);
    }
}
