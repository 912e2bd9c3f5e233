using Btx.LoadTests.Clients;

namespace Btx.LoadTests.Tests.Clients;

public sealed class ServerAddressTests
{
    [Theory]
    [InlineData("127.0.0.1:8081", "http://127.0.0.1:8081/")]
    [InlineData("localhost:8081", "http://localhost:8081/")]
    [InlineData("[::1]:8081", "http://[::1]:8081/")]
    [InlineData("127.9.9.9:1", "http://127.9.9.9:1/")]
    [InlineData("https://127.0.0.1:8443", "https://127.0.0.1:8443/")]
    public void This_machine_may_be_loaded(string address, string uri) =>
    Assert.Equal(uri, ServerAddress.Parse("--server", address, allowRemote: false).AbsoluteUri);

    [Theory]
    [InlineData("10.0.0.1:8081")]
    [InlineData("server:8081")]
    [InlineData("localhost.example.com:80")]
    [InlineData("127.0.0.1.example.com:80")]
    [InlineData("0.0.0.0:8081")]
    [InlineData("[2001:db8::1]:8081")]
    [InlineData("http://127.0.0.1@example.com/")]
    public void Another_machine_only_when_told(string address)
    {
        var refused = Assert.Throws<LoadTestException>(() => ServerAddress.Parse("--server", address, allowRemote: false));
        Assert.Contains($"--server {address}: not on this machine", refused.Message);
        Assert.Contains("--allow-remote", refused.Message);
        Assert.NotNull(ServerAddress.Parse("--server", address, allowRemote: true));
    }

    [Theory]
    [InlineData("")]
    [InlineData("nowhere land")]
    [InlineData("localhost")]
    [InlineData("127.0.0.1:8081/v1")]
    [InlineData("ftp://127.0.0.1:21")]
    [InlineData("127.0.0.1:99999")]
    public void What_is_no_address_is_refused(string address) => Assert.Contains($"--server {address}: not a server's address",
    Assert.Throws<LoadTestException>(() => ServerAddress.Parse("--server", address, allowRemote: true)).Message);

    [Fact]
    public void A_server_is_one_address_or_both()
    {
        Assert.Equal((new Uri("http://127.0.0.1:1"), null), ServerAddress.ParseServer("--server", "127.0.0.1:1", allowRemote: false));
        Assert.Equal((new Uri("http://127.0.0.1:1"), new Uri("http://127.0.0.1:2")),
            ServerAddress.ParseServer("--server", "127.0.0.1:1,http://127.0.0.1:2", allowRemote: false));
        Assert.Contains("names 3 addresses",
            Assert.Throws<LoadTestException>(() => ServerAddress.ParseServer("--server", "a:1,b:2,c:3", allowRemote: true)).Message);
    }

    [Fact]
    public void A_key_is_a_line()
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, " abc123\n");
            Assert.Equal("abc123", ServerAddress.ReadKey(file));
            File.WriteAllText(file, "two\nlines");
            Assert.Contains("expected one line", Assert.Throws<LoadTestException>(() => ServerAddress.ReadKey(file)).Message);
            File.WriteAllText(file, "");
            Assert.Throws<LoadTestException>(() => ServerAddress.ReadKey(file));
        }
        finally
        {
            File.Delete(file);
        }

        Assert.Contains("cannot be read", Assert.Throws<LoadTestException>(() => ServerAddress.ReadKey(file)).Message);
    }

    [Theory]
    [InlineData("best", null, "unknown mode")]
    [InlineData("top_k", null, "Give --k")]
    [InlineData("top_p", null, "Give --p")]
    [InlineData("ensemble", 2, "--k 2: is for --mode top_k or moe")]
    public void A_routing_that_makes_no_sense_is_refused(string mode, int? k, string message) =>
    Assert.Contains(message, Assert.Throws<LoadTestException>(() => new RoutingChoice(mode, k).Validate()).Message);

    [Fact]
    public void A_router_is_for_modes_that_choose() => Assert.Contains("--router probe: is for --mode top_k or top_p, not for moe",
        Assert.Throws<LoadTestException>(() => new RoutingChoice("moe", 2, Router: "probe").Validate()).Message);
}
