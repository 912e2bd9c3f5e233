using System.IO.Compression;
using System.Text;
using Grpc.Core;

namespace Btx.Server.Tests.Attacks;

/// <summary>
/// Bytes that are no request: the client is told so with a status of its own, and the log does not show where in the server it was found.
/// </summary>
[Collection(AttackedServer.Name)]
public sealed class MalformedInputAttacks(AttackedServer server)
{
    private const string Post = "POST /v1/completions HTTP/1.1\r\nhost: HOST\r\ncontent-type: application/json\r\nconnection: close\r\n";
    private const string Generate = "/btx.v1.Inference/Generate";
    private static readonly byte[] s_completion = """{"model":"forest:top_k=1","prompt":"the cat","max_tokens":2}"""u8.ToArray();
    private static readonly byte[] s_bomb =
        Compressed(Encoding.ASCII.GetBytes($$"""{"model":"forest","prompt":"{{new string('x', 8 << 20)}}"}"""));

    public static TheoryData<Attack> Inputs =>
    [
        Attack.Completion("not JSON", "{", 400, "the body is not valid JSON"),
        Attack.Completion("an empty body", "", 400, "the body is not valid JSON"),
        Attack.Completion("0xFF in a text", [.. "{\"model\":\"forest\",\"prompt\":\""u8, 0xff, .. "\"}"u8], 400, "UTF-8"),
        Attack.Completion("0xFF in a key", [.. "{\"model\":\"forest\",\"prompt\":\"a\",\""u8, 0xff, .. "\":1}"u8], 400, "UTF-8"),
        Attack.Completion("half a surrogate pair in a key", """{"model":"forest","prompt":"a","\ud800":1}""", 400, "surrogate"),
        Attack.Completion("half a surrogate pair for a number", """{"model":"forest","prompt":"a","temperature":"\ud800"}""", 400,
            "temperature is"),
        Attack.Completion("half a surrogate pair for a switch", """{"model":"forest","prompt":"a","echo":"\udc00"}""", 400, "echo is"),
        Attack.Completion("half a surrogate pair deep in an ignored field",
            """{"model":"forest","prompt":"a","logit_bias":{"\ud800":{}}}""", 400, ""),
        Attack.Completion("a body too large", new byte[(4 << 20) + 1], 413, "too large"),
        Attack.Http("not HTTP", "\0\0\0\0\r\n\r\n", default, 400, ""),
        Attack.Http("an overflowing chunk size", $"{Post}transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n{{\r\n", default, 400, ""),
        Attack.Http("a chunk that does not come", $"{Post}transfer-encoding: chunked\r\n\r\n7fffffff\r\n{{}}", default, 408, ""),
        Attack.Http("a chunk size that is none", $"{Post}transfer-encoding: chunked\r\n\r\nxyz\r\n{{}}\r\n", default, 400, ""),
        Attack.Http("a negative length", $"{Post}content-length: -1\r\n\r\n", default, 400, ""),
        Attack.Http("headers without end", $"{Post}x: {new string('x', 40_000)}\r\n\r\n", default, 431, ""),
        Attack.Completion("what is not gzip", s_completion, 400, "not encoded as its headers say", "content-encoding: gzip\r\n"),
        Attack.Completion("an encoding that is not taken", s_completion, 415, "gzip, br or deflate", "content-encoding: zstd\r\n"),
        Attack.Completion("gzip without its end", Compressed(s_completion)[..^9], 400, "not encoded as its headers say",
            "content-encoding: gzip\r\n"),
        Attack.Completion("gzip without its last byte", Compressed(s_completion)[..^1], 400, "not encoded as its headers say",
            "content-encoding: gzip\r\n"),
        Attack.Completion("br without its end", Brotli(s_completion)[..^3], 400, "not encoded as its headers say",
            "content-encoding: br\r\n"),
        Attack.Completion("8 MB in some kilobytes", s_bomb, 413, "too large", "content-encoding: gzip\r\n"),
        Attack.Completion("a gzip request is none", Compressed(s_completion), 200, "text_completion", "content-encoding: gzip\r\n"),
        Attack.Rpc("protobuf that ends early", Generate, [0x0a, 0x7f], StatusCode.InvalidArgument, "malformed"),
        Attack.Rpc("protobuf of another type", Generate, [0x08, 0x01, 0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f], StatusCode.InvalidArgument,
            "malformed"),
        Attack.Rpc("text that is not UTF-8", Generate, [0x0a, 0x04, 0x0a, 0x02, 0x61, 0xff], StatusCode.InvalidArgument, "UTF-8"),
        Attack.Rpc("a message too large", Generate, new byte[(4 << 20) + 1], StatusCode.ResourceExhausted, ""),
        Attack.Rpc("a service that is not there", "/btx.v1.Nothing/Generate", [], StatusCode.Unimplemented, "no such service"),
        Attack.Rpc("a method that is not there", "/btx.v1.Inference/Nothing", [], StatusCode.Unimplemented, "no such service"),
        Attack.Rpc("malformed health", "/grpc.health.v1.Health/Check", [0x0a, 0x7f], StatusCode.InvalidArgument, "malformed"),
        Attack.Rpc("malformed reflection", "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", [0x0a, 0x7f],
            StatusCode.InvalidArgument, "malformed"),
        Attack.Rpc("an encoding of messages that is not taken", Generate, [0x0a, 0x00], StatusCode.InvalidArgument, "prompt",
            ("grpc-encoding", "zstd")),
    ];

    [Theory]
    [MemberData(nameof(Inputs))]
    public Task Is_the_clients_fault(Attack attack) => server.MeetAsync(attack);

    private static byte[] Compressed(byte[] plain)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.SmallestSize, leaveOpen: true)) gzip.Write(plain);
        return packed.ToArray();
    }

    private static byte[] Brotli(byte[] plain)
    {
        using var packed = new MemoryStream();
        using (var brotli = new BrotliStream(packed, CompressionLevel.SmallestSize, leaveOpen: true)) brotli.Write(plain);
        return packed.ToArray();
    }
}
