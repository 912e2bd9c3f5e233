namespace Btx.Server.Tests.Attacks;

/// <summary>Bytes that are no request: the client is told so with a status of its own.</summary>
[Collection(AttackedServer.Name)]
public sealed class MalformedInputAttacks(AttackedServer server)
{
    public static TheoryData<Attack> Inputs =>
    [
        Attack.Completion("not JSON", "{", 400, "the body is not valid JSON"),
        Attack.Completion("0xFF in a text", [.. "{\"model\":\"forest\",\"prompt\":\""u8, 0xff, .. "\"}"u8], 400, "UTF-8"),
        Attack.Http("not HTTP", "\0\0\0\0\r\n\r\n", default, 400, ""),
    ];

    [Theory]
    [MemberData(nameof(Inputs))]
    public Task Is_the_clients_fault(Attack attack) => server.MeetAsync(attack);
}
