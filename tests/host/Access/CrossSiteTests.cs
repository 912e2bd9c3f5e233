using System.Net.Http.Headers;
using System.Text;
using Btx.Server.Access;
using Btx.Server.Tests.Fakes;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;

namespace Btx.Server.Tests.Access;

/// <summary>What a page of another site has a browser send changes nothing, with a key and without.</summary>
public sealed class CrossSiteTests
{
    /// <summary>A page of another site may have a browser use a certificate, or a key that it holds.</summary>
    [Theory]
    [InlineData("https://elsewhere.example", "application/json", 403)]
    [InlineData("null", "application/json", 403)]
    [InlineData(null, "text/plain", 415)]
    [InlineData(null, "application/x-www-form-urlencoded", 415)]
    [InlineData("http://localhost:3000", "application/json; charset=utf-8", 200)]
    public async Task What_changes_state_takes_no_page_of_another_site_whatever_its_key(string? origin, string type, int expected)
    {
        using var files = new KeyFiles();
        var token = files.Add("admin");
        await using var server = await RunningServer.StartAsync(access: new() { KeyFile = files.Keys }, change: RunningServer.WithAdmin,
            map: routes => routes.MapPost("/change", () => "done").WithMetadata(new NeedsAttribute(Scope.Admin)));
        server.Http.DefaultRequestHeaders.Add("x-api-key", token);
        if (origin is not null) server.Http.DefaultRequestHeaders.Add("origin", origin);
        using var body = new StringContent("{}");
        body.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        using var response = await server.Http.PostAsync($"{server.Urls.Admin}/change", body);
        Assert.Equal(expected, (int)response.StatusCode);
        using var channel = GrpcChannel.ForAddress(server.Urls.Admin!);
        var headers = new Metadata { { "x-api-key", token } };
        if (origin is not null) headers.Add("origin", origin);
        using var change = new V1.Forest.ForestClient(channel).DropAverage(new() { Name = "nothing" }, headers);
        var refused = await Assert.ThrowsAsync<RpcException>(() => change.ResponseStream.MoveNext(default));
        Assert.Equal(expected == 403 ? StatusCode.PermissionDenied : StatusCode.InvalidArgument, refused.StatusCode);
    }

    /// <summary>What a page of another site can have a browser send without asking: forms and plain text, to a server that takes changes
    /// without a key.</summary>
    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("multipart/form-data; boundary=x")]
    public async Task What_a_form_of_another_site_sends_changes_nothing(string type)
    {
        await using var server = await RunningServer.StartAsync();
        using var client = new HttpClient();
        foreach (var endpoint in server.Endpoints.Where(e => e.Needed().HasFlag(Scope.Admin) || e.Needed() == Scope.Generate))
        {
            foreach (var (address, version) in new[] { (server.HttpAddress, new Version(1, 1)), (server.GrpcAddress, new Version(2, 0)) })
            {
                using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(new(address), endpoint.Path()))
                {
                    Version = version,
                    VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                    Content = new ByteArrayContent(Encoding.UTF8.GetBytes("""{"model":"forest","prompt":"the"}"""))
                };
                request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
                request.Headers.Add("origin", "https://elsewhere.example");
                using var response = await client.SendAsync(request);
                var isDenied = response.Headers.TryGetValues("grpc-status", out var status) && status.Single() != "0";
                Assert.True(!response.IsSuccessStatusCode || isDenied, $"{request.RequestUri}: {response.StatusCode}");
            }
        }

        Assert.Equal(0, server.Registry.State.Revision);
        Assert.Null(server.Engine.LastGeneration);
    }
}
