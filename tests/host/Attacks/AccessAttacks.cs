using Btx.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Btx.Server.Tests.Attacks;

/// <summary>
/// Who comes from elsewhere: by another name, through a proxy, from another site's page, or to the wrong port. This server takes changes
/// without a key.
/// </summary>
[Collection(AttackedServer.Name)]
public sealed class AccessAttacks(AttackedServer server)
{
    private const string List = "/btx.v1.Forest/ListExperts", Remove = "/btx.v1.Forest/RemoveExpert";
    private static readonly byte[] s_removal = new RemoveExpertRequest
    {
        By = new() { Author = "mallory", Reason = "an attack" },
        Experts = { "beta" }
    }.ToByteArray();

    public static TheoryData<Attack> Inputs =>
    [
        Attack.Http("a rebound name reads the forest", "GET /v1/forest HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n",
            default, 403, "--allowed-hosts"),
        Attack.Http("an address of another machine", "GET /metrics HTTP/1.1\r\nhost: 192.0.2.1:8080\r\nconnection: close\r\n\r\n", default,
            403, "--allowed-hosts"),
        Attack.Http("a name that begins like localhost",
            "GET /v1/models HTTP/1.1\r\nhost: localhost.evil.example\r\nconnection: close\r\n\r\n", default, 403, "--allowed-hosts"),
        Attack.Http("localhost by any port", "GET /v1/models HTTP/1.1\r\nhost: LocalHost:1\r\nconnection: close\r\n\r\n", default, 200,
            "max_model_len"),
        Attack.Rpc("a foreign authority reads the forest", List, [], StatusCode.PermissionDenied, "--allowed-hosts",
            ("host", "evil.example")),
        Attack.Rpc("a foreign authority changes it", Remove, s_removal, StatusCode.PermissionDenied, "--allowed-hosts",
            ("host", "evil.example")),
        Attack.Rpc("a proxy changes it", Remove, s_removal, StatusCode.PermissionDenied, "through a proxy",
            ("x-forwarded-for", "203.0.113.9")),
        Attack.Rpc("a proxy that says so in the standard's words", Remove, s_removal, StatusCode.PermissionDenied, "through a proxy",
            ("forwarded", "for=203.0.113.9")),
        Attack.Rpc("a page of another site changes it", Remove, s_removal, StatusCode.PermissionDenied, "another site",
            ("origin", "https://evil.example")),
        Attack.Http("the gRPC service at the HTTP port",
            "POST /btx.v1.Forest/ListExperts HTTP/1.1\r\nhost: HOST\r\ncontent-type: application/grpc\r\ncontent-length: "
                + "0\r\nconnection: close\r\n\r\n",
            default, 404, ""),
        Attack.Rpc("completions at the gRPC port", "/v1/completions", [], StatusCode.Unimplemented, "no such service"),
    ];

    [Theory]
    [MemberData(nameof(Inputs))]
    public Task Is_known_for_what_it_is(Attack attack) => server.MeetAsync(attack);

    [Theory]
    [InlineData("/v1/forest")]
    [InlineData("/v1/models")]
    [InlineData("/metrics")]
    [InlineData("/health")]
    public async Task The_gRPC_port_serves_nothing_of_the_HTTP_port(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(server.GrpcUri, path))
        {
            Version = new(2, 0),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact
        };
        using var response = await server.Raw.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(System.Net.HttpStatusCode.NotFound, response.StatusCode);
        await server.OthersAreAnsweredAsync();
    }

    [Fact]
    public async Task Nothing_was_changed_and_the_refusals_are_counted_and_logged()
    {
        await server.MeetAsync(Attack.Rpc("a page", Remove, s_removal, StatusCode.PermissionDenied, "another site", ("origin", "null")));
        var page = await server.Process.Http.GetStringAsync("/metrics", TestContext.Current.CancellationToken);
        Assert.Matches("btx_refusals_total{door=\"grpc\",reason=\"forbidden\"} [1-9]", page);
        Assert.Contains("btx_forest_revision 0\n", page, StringComparison.Ordinal);
        Assert.Contains(server.Process.Errors, line => line.Contains("refused (forbidden)", StringComparison.Ordinal));
    }
}
