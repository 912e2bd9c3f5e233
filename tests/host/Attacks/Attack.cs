using System.Text;
using Google.Protobuf;
using Grpc.Core;

namespace Btx.Server.Tests.Attacks;

/// <summary>One input from outside, and the answer that it must get.</summary>
public sealed class Attack
{
    private readonly string _name;

    private Attack(string name, Func<AttackedServer, Task<Answer>> send, int status, string says) =>
        (_name, Send, Status, Says) = (name, send, status, says);

    internal Func<AttackedServer, Task<Answer>> Send { get; }

    /// <summary>Of HTTP or of gRPC; <see cref="Answer.None"/>: the connection ends without an answer.</summary>
    internal int Status { get; }

    /// <summary>Part of the answer's text.</summary>
    internal string Says { get; }

    /// <summary>A completion with that body.</summary>
    public static Attack Completion(string name, string body, int status, string says) =>
        Completion(name, Encoding.UTF8.GetBytes(body), status, says);

    /// <inheritdoc cref="Completion(string, string, int, string)"/>
    /// <param name="headers">Lines besides host, content type and length, each with its end.</param>
    public static Attack Completion(string name, byte[] body, int status, string says, string headers = "") => Http(
        name, "POST /v1/completions HTTP/1.1\r\nhost: HOST\r\ncontent-type: application/json\r\ncontent-length: "
            + $"{body.Length}\r\n{headers}connection: close\r\n\r\n",
            body, status, says);

    /// <summary>Bytes at the HTTP port.</summary>
    /// <param name="head">What comes before <paramref name="body"/>; HOST in it is replaced by the port's address.</param>
    public static Attack Http(string name, string head, ReadOnlyMemory<byte> body, int status, string says, bool halfClose = false) => new(
        name,
        server => Answer.OfBytesAsync(server.HttpUri, (byte[])[.. Encoding.Latin1.GetBytes(head.Replace("HOST", server.HttpUri.Authority,
            StringComparison.Ordinal)), .. body.Span], halfClose),
        status,
        says);

    /// <summary>A call at the gRPC port.</summary>
    /// <param name="method">Path, as <c>/btx.v1.Inference/Generate</c>.</param>
    internal static Attack Rpc(string name, string method, IMessage message, StatusCode status, string says) =>
        Rpc(name, method, message.ToByteArray(), status, says);

    /// <inheritdoc cref="Rpc(string, string, IMessage, StatusCode, string)"/>
    internal static Attack Rpc(string name, string method, byte[] message, StatusCode status, string says,
        params IReadOnlyList<(string Name, string Value)> headers) => new(
        name, server => Answer.OfCallAsync(server.Raw, server.GrpcUri, method, message, headers), (int)status, says);

    public override string ToString() => _name;
}
