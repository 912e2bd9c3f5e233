using Btx.V1;
using Grpc.Core;

namespace Btx.Server.Tests.Attacks;

/// <summary>
/// Well-formed requests that ask for what cannot be, or would change nothing, or name things without bounds: refused before any work, in a
/// few words.
/// </summary>
[Collection(AttackedServer.Name)]
public sealed class RequestAttacks(AttackedServer server)
{
    private const string Generate = "/btx.v1.Inference/Generate";

    public static TheoryData<Attack> Inputs =>
    [
        Attack.Completion("one token, echoed",
            """{"model":"forest","prompt":[5],"max_tokens":20,"echo":true,"logprobs":1,"ignore_eos":true}""", 200,
            "\"token_logprobs\":[null,"),
        Attack.Completion("echo alone, unknown expert", """{"model":"expert:zzz","prompt":"a","max_tokens":0,"echo":true}""", 404,
            "no expert"),
        Attack.Completion("echo alone, unknown token", """{"model":"forest","prompt":[99999],"max_tokens":0,"echo":true}""", 400,
            "prompt token 0 is 99999"),
        Attack.Completion("echo alone, no prompt", """{"model":"forest","max_tokens":0,"echo":true}""", 400, "prompt is missing"),
        Attack.Completion("echo alone, temperature", """{"model":"forest","prompt":"a","max_tokens":0,"echo":true,"temperature":-5}""", 400,
            "temperature is -5"),
        Attack.Completion("echo with a score, temperature",
            """{"model":"forest","prompt":"a","max_tokens":0,"echo":true,"logprobs":1,"temperature":-5}""", 400, "temperature is -5"),
        Attack.Completion("echo with a score, 99", """{"model":"forest","prompt":"a","max_tokens":0,"echo":true,"logprobs":99}""", 400,
            "expected 0..20"),
        Attack.Completion(
            "echo alone, over the context", $$"""{"model":"forest","prompt":[{{string.Join(',', Enumerable.Repeat(7, 5000))}}],"max_tokens":0,"echo":true}""",
            400, "context_length_exceeded"),
        Attack.Completion(
            "3.9 million zeros in a model's id", $$"""{"model":"forest:top_k={{new string('0', 3_900_000)}}1","prompt":"a","stream":true}""",
            400, "at most 512"),
        Attack.Completion(
            "zeros in a model's id", $$"""{"model":"forest:top_k={{new string('0', 300)}}1","prompt":"a","max_tokens":2,"stream":true}""",
            200, "\"model\":\"forest:top_k=1\""),
        Attack.Completion("3 MB of an unknown field's name", $$"""{"model":"forest","prompt":"a","{{new string('x', 3_000_000)}}":1}""",
            400, "unknown field"),
        Attack.Completion("3 MB in a number's place", $$"""{"model":"forest","prompt":"a","seed":"{{new string('7', 3_000_000)}}"}""",
            400, "seed is"),
        Attack.Completion("line ends in a name", "{\"model\":\"forest\\r\\nx: y\\u0000\",\"prompt\":\"a\"}", 404,
            """no model \"forest\\r\\nx: y\\u0000\" """.Trim()),
        Attack.Completion("a field twice", """{"model":"forest","prompt":"a","prompt":"b"}""", 400, "given twice"),
        Attack.Completion("an option without its mode", """{"model":"forest:reroute=4","prompt":"a"}""", 400,
            "reroute_interval does not apply"),
        Attack.Rpc("k without a mode", Generate, New(new() { K = 2 }), StatusCode.InvalidArgument, "k does not apply to mode ensemble"),
        Attack.Rpc("an expert without a mode", Generate, New(new() { Expert = "zzz" }), StatusCode.InvalidArgument,
            "expert does not apply"),
        Attack.Rpc("an expert and k", Generate, New(new() { Mode = Mode.Expert, Expert = "alpha", K = 3 }), StatusCode.InvalidArgument,
            "k does not apply to mode expert"),
        Attack.Rpc("an average's domain without weights", Generate, New(new() { Mode = Mode.Average, AverageDomain = "alpha" }),
            StatusCode.InvalidArgument, "average_domain"),
        Attack.Rpc("a name of a megabyte", Generate, New(new() { Mode = Mode.Expert, Expert = new string('ü', 500_000) }),
            StatusCode.NotFound, "no expert \"ü"),
        Attack.Rpc("a score over the context", "/btx.v1.Inference/Score", new ScoreRequest {
            Text = new() { Tokens = new() { Ids = { Enumerable.Repeat(7, 5000) } } } }, StatusCode.InvalidArgument, "score it in windows"),
    ];

    [Theory]
    [MemberData(nameof(Inputs))]
    public Task Is_answered_in_a_few_words(Attack attack) => server.MeetAsync(attack);

    private static GenerateRequest New(Routing routing) => new() { Prompt = new() { Text = "the cat" }, Routing = routing, MaxTokens = 4 };
}
