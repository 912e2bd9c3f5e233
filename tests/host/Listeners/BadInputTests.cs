using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Btx.Server.Tests.Fakes;
using Btx.V1;
using Grpc.Core;

namespace Btx.Server.Tests.Listeners;

/// <summary>What is wrong with a request is said in one line, with the right code, by HTTP and gRPC; nothing reaches the engine.</summary>
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
        { """{"model":"forest","prompt":["a","b"]}""", "prompt", 400, "one request for each" },
        { """{"model":"forest","prompt":[1,99999]}""", "prompt", 400, "prompt token 1 is 99999" },
        { """{"model":"forest","prompt":"\ud800"}""", "prompt", 400, "prompt" },
        { """{"model":"forest","prompt":"a","n":2}""", "n", 400, "n is 2" },
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
        { """{"model":"forest:top_k=2,select=per_token","prompt":"a"}""", "select", 400, "scoring" },
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

    public static TheoryData<string, GenerateRequest, StatusCode, string> Messages => new()
    {
        { "unknown mode", New(r => r.Routing = new() { Mode = (Mode)77 }), StatusCode.InvalidArgument, "unknown mode 77" },
        { "k = 0", New(r => r.Routing = new() { Mode = Mode.TopK, K = 0 }), StatusCode.InvalidArgument, "k is 0; expected 1..3" },
        { "k > E", New(r => r.Routing = new() { Mode = Mode.TopK, K = 4 }), StatusCode.InvalidArgument, "k is 4; expected 1..3" },
        { "moe, k = 0", New(r => r.Routing = new() { Mode = Mode.Moe, K = 0 }), StatusCode.InvalidArgument, "k is 0; expected 1..3" },
        { "moe, k > N", New(r => r.Routing = new() { Mode = Mode.Moe, K = 4 }), StatusCode.InvalidArgument, "k is 4; expected 1..3" },
        { "moe with a posterior", New(r => r.Routing = new() { Mode = Mode.Moe, Posterior = PosteriorKind.Fixed }),
            StatusCode.InvalidArgument, "posterior does not apply to mode moe" },
        { "moe with a prior", New(r => r.Routing = new() { Mode = Mode.Moe, PriorDomain = "python" }), StatusCode.InvalidArgument,
            "prior_domain does not apply to mode moe" },
        { "moe with a selection", New(r => r.Routing = new() { Mode = Mode.Moe, Select = Selection.Prompt }), StatusCode.InvalidArgument,
            "select does not apply to mode moe" },
        { "moe with an interval", New(r => r.Routing = new() { Mode = Mode.Moe, RerouteInterval = 8 }), StatusCode.InvalidArgument,
            "reroute_interval does not apply to mode moe" },
        { "k without a mode", New(r => r.Routing = new() { K = 2 }), StatusCode.InvalidArgument,
            "k does not apply to mode ensemble: it is for top_k and moe" },
        { "expert without a mode", New(r => r.Routing = new() { Expert = "zzz" }), StatusCode.InvalidArgument,
            "expert does not apply to mode ensemble" },
        { "expert with k", New(r => r.Routing = new() { Mode = Mode.Expert, Expert = "python", K = 3 }), StatusCode.InvalidArgument,
            "k does not apply to mode expert" },
        { "p with top_k", New(r => r.Routing = new() { Mode = Mode.TopK, P = 0.5 }), StatusCode.InvalidArgument,
            "p does not apply to mode top_k" },
        { "prior of an average", New(r => r.Routing = new() { Mode = Mode.Average, PriorDomain = "python" }), StatusCode.InvalidArgument,
            "prior_domain does not apply to mode average" },
        { "domain without weights", New(r => r.Routing = new() { Mode = Mode.Average, AverageDomain = "python" }),
            StatusCode.InvalidArgument, "average_domain weighs the experts of average posterior and argmax only" },
        { "named average with weights", New(r => r.Routing = new() { Mode = Mode.Average, AverageName = "prose",
            Average = AverageKind.Argmax }), StatusCode.InvalidArgument, "average_name names an average that has its weights" },
        { "a rate that nothing switches by", New(r => r.Routing = new() { SwitchingRate = 0.1 }), StatusCode.InvalidArgument,
            "switching_rate applies to posterior switching only" },
        { "select of an ensemble", New(r => r.Routing = new() { Select = Selection.Prompt }), StatusCode.InvalidArgument,
            "select does not apply to mode ensemble" },
        { "select_tokens when generating", New(r => r.Routing = new() { Mode = Mode.TopK, SelectTokens = 4 }), StatusCode.InvalidArgument,
            "select_tokens is for scoring" },
        { "an interval that changes nothing", New(r => r.Routing = new() { Mode = Mode.TopK, RerouteInterval = 4,
            Posterior = PosteriorKind.Fixed }), StatusCode.InvalidArgument, "reroute_interval changes nothing with posterior fixed" },
        { "a long stop", New(r => r.Stop.Add(new string('x', 257))), StatusCode.InvalidArgument, "more than 256 characters" },
        { "many top", New(r => r.TopLogprobs = 21), StatusCode.InvalidArgument, "expected 0..20" },
        { "a long name", New(r => r.Routing = new() { Mode = Mode.Expert, Expert = new string('ü', 30_000) }), StatusCode.NotFound,
            "no expert \"üü" },
        { "a name that moves the cursor", New(r => r.Routing = new() { Mode = Mode.Expert, Expert = "a\r\n\0b" }), StatusCode.NotFound,
            """no expert "a\r\n\u0000b";""" },
        { "moe with an expert", New(r => r.Routing = new() { Mode = Mode.Moe, Expert = "python" }), StatusCode.InvalidArgument,
            "expert does not apply to mode moe" },
        { "p = NaN", New(r => r.Routing = new() { Mode = Mode.TopP, P = double.NaN }), StatusCode.InvalidArgument, "p is NaN" },
        { "unknown expert", New(r => r.Routing = new() { Mode = Mode.Expert, Expert = "nobody" }), StatusCode.NotFound, "nobody" },
        { "no expert", New(r => r.Routing = new() { Mode = Mode.Expert }), StatusCode.InvalidArgument, "expert's name" },
        { "negative interval", New(r => r.Routing = new() { Mode = Mode.TopK, RerouteInterval = -1 }), StatusCode.InvalidArgument, "-1" },
        { "negative max tokens", New(r => r.MaxTokens = -5), StatusCode.InvalidArgument, "max_tokens is -5" },
        { "huge max tokens", New(r => r.MaxTokens = int.MaxValue), StatusCode.InvalidArgument, "expected 1..64" },
        { "NaN temperature", New(r => r.Sampling = new() { Temperature = double.NaN }), StatusCode.InvalidArgument, "temperature is NaN" },
        { "infinite temperature", New(r => r.Sampling = new() { Temperature = double.PositiveInfinity }), StatusCode.InvalidArgument,
            "temperature" },
        { "negative top_k", New(r => r.Sampling = new() { TopK = -1 }), StatusCode.InvalidArgument, "top_k is -1" },
        { "empty prompt", New(r => r.Prompt.Text = ""), StatusCode.InvalidArgument, "prompt is empty" },
        { "no prompt", New(r => r.Prompt = null), StatusCode.InvalidArgument, "prompt is missing" },
        { "no tokens", New(r => r.Prompt.Tokens = new()), StatusCode.InvalidArgument, "prompt is empty" },
        { "negative token", New(r => r.Prompt.Tokens = new() { Ids = { -1 } }), StatusCode.InvalidArgument, "prompt token 0 is -1" },
        { "prompt beyond the context", New(r => r.Prompt.Tokens = new() { Ids = { Enumerable.Repeat(1, 64) } }), StatusCode.InvalidArgument,
            "the context holds 64" },
        { "prompt beyond the limit", New(r => r.Prompt.Text = new string('x', 1001)), StatusCode.InvalidArgument, "at most 1000" },
        { "many stops", New(r => r.Stop.AddRange(Enumerable.Repeat("x", 17))), StatusCode.InvalidArgument, "at most 16" },
        { "message beyond the limit", New(r => r.Prompt.Text = new string('x', 70_000)), StatusCode.ResourceExhausted, "" },
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

    [Theory]
    [MemberData(nameof(Messages))]
    public async Task Grpc_refuses(string what, GenerateRequest request, StatusCode status, string message)
    {
        Assert.NotEmpty(what);
        using var call = _server.Inference.Generate(request);
        var failure = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(default));
        Assert.Equal(status, failure.StatusCode);
        Assert.Contains(message, failure.Status.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', failure.Status.Detail);
        Assert.Null(_server.Engine.LastGeneration);
    }

    [Fact]
    public async Task Http_refuses_what_is_not_json()
    {
        foreach (var body in new byte[][] { "{"u8.ToArray(), "[1]"u8.ToArray(),
            [.. "{\"model\":\"forest\",\"prompt\":\""u8, 0xff, .. "\"}"u8], [] })
        {
            using var content = new ByteArrayContent(body) { Headers = { { "content-type", "application/json" } } };
            using var response = await _server.Http.PostAsync("/v1/completions", content);
            Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
            Assert.NotEmpty((await ErrorOf(response)).GetProperty("message").GetString()!);
        }
    }

    [Fact]
    public async Task Grpc_refuses_invalid_utf8()
    {
        byte[] text = [0x0a, 2, (byte)'a', 0xff]; // Prompt.text = "a\xff"
        byte[] request = [0x0a, (byte)text.Length, .. text]; // GenerateRequest.prompt
        var marshaller = Marshallers.Create(bytes => bytes, bytes => bytes);
        var method = new Method<byte[], byte[]>(MethodType.ServerStreaming, "btx.v1.Inference", "Generate", marshaller, marshaller);
        using var call = _server.Channel.CreateCallInvoker().AsyncServerStreamingCall(method, null, default, request);
        var failure = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(default));
        Assert.Equal(StatusCode.InvalidArgument, failure.StatusCode);
        Assert.Contains("UTF-8", failure.Status.Detail, StringComparison.Ordinal);
        Assert.Null(_server.Engine.LastGeneration);
    }

    [Theory]
    [InlineData(null, "0000000000", "Content-Type is missing")]
    [InlineData("application/json", "0000000000", "Content-Type 'application/json' is not supported")]
    [InlineData("application/grpc-web", "0000000000", "Content-Type 'application/grpc-web' is not supported")]
    [InlineData("application/grpc", "", "Incomplete message")]
    [InlineData("application/grpc", "00000000000000000000", "Additional data")]
    [InlineData("application/grpc", "010000000000", "grpc-encoding")]
    [InlineData("application/grpc", "0000000003ffffff", "not a message of the method's type")]
    public async Task Grpc_says_what_is_wrong_with_a_call(string? contentType, string body, string message)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{_server.GrpcAddress}/btx.v1.Inference/Generate")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(Convert.FromHexString(body)),
        };
        if (contentType is not null) request.Content.Headers.Add("content-type", contentType);
        using var response = await http.SendAsync(request);
        await response.Content.ReadAsByteArrayAsync();
        string Value(string name) => string.Concat(response.Headers.TryGetValues(name, out var values)
            ? values : response.TrailingHeaders.GetValues(name));
        Assert.Equal("3", Value("grpc-status"));
        Assert.Contains(message, Uri.UnescapeDataString(Value("grpc-message")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Grpc_takes_a_replacement_character_that_the_client_wrote()
    {
        using var call = _server.Inference.Generate(New(request => request.Prompt.Text = "a\ufffdb"));
        Assert.True(await call.ResponseStream.MoveNext(default));
        Assert.Equal(_server.Tokenizer.Encode("a\ufffdb"),
            _server.Engine.LastGeneration!.Prompt[^_server.Tokenizer.Encode("a\ufffdb").Length..]);
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
        using var path = await _server.Http.GetAsync("/v1/nothing");
        Assert.Equal(HttpStatusCode.NotFound, path.StatusCode);
        await ErrorOf(path);
        using var method = await _server.Http.GetAsync("/v1/completions");
        Assert.Equal(HttpStatusCode.MethodNotAllowed, method.StatusCode);
        await ErrorOf(method);
    }

    [Fact]
    public async Task A_full_queue_and_a_failed_engine_have_codes_of_their_own()
    {
        _server.Engine.Refusal = new Engine.RequestRejectedException(Engine.RejectionReason.Busy, "256 requests are waiting already");
        Assert.Equal((HttpStatusCode.TooManyRequests, StatusCode.ResourceExhausted), await Codes());
        _server.Engine.Refusal = new Engine.RequestRejectedException(Engine.RejectionReason.ShuttingDown, "the server is shutting down");
        Assert.Equal((HttpStatusCode.ServiceUnavailable, StatusCode.Unavailable), await Codes());
        _server.Engine.Refusal = new Engine.RequestRejectedException("the engine has failed", new InvalidOperationException("secret"));
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

    private static GenerateRequest New(Action<GenerateRequest> change)
    {
        var request = new GenerateRequest { Prompt = new() { Text = "the" } };
        change(request);
        return request;
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
        using var call = _server.Inference.Generate(New(_ => { }));
        var failure = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (await call.ResponseStream.MoveNext(default)) { }
        });
        Assert.DoesNotContain("secret", failure.Status.Detail, StringComparison.Ordinal);
        return (response.StatusCode, failure.StatusCode);
    }
}
