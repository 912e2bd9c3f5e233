using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Btx.Server.Tests.Fakes;
using Btx.V1;
using Grpc.Core;

namespace Btx.Server.Tests.Listeners;

/// <summary>What is wrong with a gRPC message or call is said in one line, with the right status; nothing reaches the engine.</summary>
public sealed class BadGrpcInputTests : IAsyncLifetime
{
    private RunningServer _server = null!;

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
        { "moe with a router", New(r => r.Routing = new() { Mode = Mode.Moe, Router = ExpertRouter.Probe }), StatusCode.InvalidArgument,
            "router does not apply to mode moe" },
        { "an expert with a router", New(r => r.Routing = new() { Mode = Mode.Expert, Expert = "python", Router = ExpertRouter.All }),
            StatusCode.InvalidArgument, "router does not apply to mode expert" },
        { "an unknown router", New(r => r.Routing = new() { Mode = Mode.TopK, Router = (ExpertRouter)9 }), StatusCode.InvalidArgument,
            "unknown router 9; this server knows all, probe" },
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

    internal static GenerateRequest New(Action<GenerateRequest> change)
    {
        var request = new GenerateRequest { Prompt = new() { Text = "the" } };
        change(request);
        return request;
    }
}
