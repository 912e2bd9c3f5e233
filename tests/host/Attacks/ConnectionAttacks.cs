using System.Net.Sockets;
using System.Text;
using Btx.Server.Tests.Fakes;

namespace Btx.Server.Tests.Attacks;

/// <summary>Connections: too many, half-sent, half-closed; and what an operator may ask of them.</summary>
[Collection(AttackedServer.Name)]
public sealed class ConnectionAttacks(AttackedServer server)
{
    private const string Completion = """{"model":"forest:top_k=1","prompt":"the cat","max_tokens":20,"ignore_eos":true}""";

    public static TheoryData<Attack> Inputs =>
    [
        Attack.Http(
            "a client that closes its side after the request", "POST /v1/completions HTTP/1.1\r\nhost: HOST\r\ncontent-type: "
                + $"application/json\r\ncontent-length: {Completion.Length}\r\n\r\n{Completion}",
            default, 200, "\"length\"", halfClose: true),
        Attack.Http("and before the whole of it",
            "POST /v1/completions HTTP/1.1\r\nhost: HOST\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{", default,
            Answer.None, "", halfClose: true),
        Attack.Http("HEAD", "HEAD /v1/models HTTP/1.1\r\nhost: HOST\r\nconnection: close\r\n\r\n", default, 200, ""),
        Attack.Http("HEAD of health", "HEAD /health HTTP/1.1\r\nhost: HOST\r\nconnection: close\r\n\r\n", default, 200, ""),
        Attack.Http("a plain request id comes back",
            "GET /health HTTP/1.1\r\nhost: HOST\r\nx-request-id: abc-1.2_3\r\nconnection: close\r\n\r\n", default, 200,
            "x-request-id: abc-1.2_3\r\n"),
    ];

    [Theory]
    [MemberData(nameof(Inputs))]
    public Task Is_answered(Attack attack) => server.MeetAsync(attack);

    [Theory]
    [InlineData("a b")]
    [InlineData("\"<script>")]
    public async Task A_request_id_that_is_not_plain_is_replaced(string id)
    {
        var answer = await Answer.OfBytesAsync(server.HttpUri, Encoding.ASCII
            .GetBytes($"GET /health HTTP/1.1\r\nhost: {server.HttpUri.Authority}\r\nx-request-id: {id}\r\nconnection: close\r\n\r\n"));
        Assert.Matches("x-request-id: [0-9a-f]{32}\r\n", answer.Text);
    }

    [Fact]
    public async Task More_idle_connections_than_there_are_files()
    {
        var before = server.Memory;
        var lines = server.Process.Errors.Count;
        var sockets = new List<Socket>();
        try
        {
            for (var i = 0; i < AttackedServer.OpenFiles; i++)
            {
                sockets.Add(await Answer.ConnectAsync(server.HttpUri));
                sockets.Add(await Answer.ConnectAsync(server.GrpcUri));
            }

            // One that came when others had long been idle has the place of one of them; the rest are told.
            var answers = sockets.Where((_, i) => i % 2 == 0).Select(Answer.ReadAsync).ToList();
            await Patience.UntilAsync(() => answers.Any(answer => answer is { IsCompleted: true, Result.Status: 503 }), "a refusal");
            await server.OthersAreAnsweredAsync();

            // Once the idle ones have been so for a while, whoever has a request gets the place of one.
            var health = Encoding.ASCII.GetBytes($"GET /health HTTP/1.1\r\nhost: {server.HttpUri.Authority}\r\nconnection: close\r\n\r\n");
            await Patience.UntilAsync(async () => (await Answer.OfBytesAsync(server.HttpUri, health)).Status == 200, () => "a place");
            await server.OthersAreAnsweredAsync();
            Assert.True(server.Process.Errors.Count - lines <= 4, string.Join('\n', server.Process.Errors.Skip(lines)));
            Assert.True(server.Memory - before < 100 << 20, $"from {before >> 20} to {server.Memory >> 20} MiB");
        }
        finally
        {
            sockets.ForEach(socket => socket.Dispose());
        }

        await server.OthersAreAnsweredAsync();
    }

    /// <summary>Half-sent bodies that wait for the rest.</summary>
    [Fact]
    public async Task Large_bodies_that_are_half_sent()
    {
        const int Length = 4 << 20;
        var before = server.Memory;
        var head = Encoding.ASCII
            .GetBytes($"POST /v1/completions HTTP/1.1\r\nhost: {server.HttpUri.Authority}\r\ncontent-type: "
                + $"application/json\r\ncontent-length: {Length}\r\n\r\n");
        var half = new byte[Length - 1];
        Array.Fill(half, (byte)' ');
        var sockets = new List<Socket>();
        try
        {
            for (var i = 0; i < 40; i++)
            {
                sockets.Add(await Answer.ConnectAsync(server.HttpUri));
                await Answer.SendAsync(sockets[^1], head);
                await Answer.SendAsync(sockets[^1], half);
            }

            Assert.Equal(503, (await Answer.ReadAsync(sockets[^1])).Status);
            await server.OthersAreAnsweredAsync();
            Assert.True(server.Memory - before < 250 << 20, $"from {before >> 20} to {server.Memory >> 20} MiB");
        }
        finally
        {
            sockets.ForEach(socket => socket.Dispose());
        }

        await server.OthersAreAnsweredAsync();
    }
}
