using Btx.Server.Tests.Fakes;
using Grpc.Core;
using Grpc.Health.V1;
using Status = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace Btx.Server.Tests.Rpc;

/// <summary>The standard health service.</summary>
public sealed class HealthRpcTests
{
    [Fact]
    public async Task Check_knows_the_server_and_its_services()
    {
        await using var server = await RunningServer.StartAsync();
        var health = new Health.HealthClient(server.Channel);
        foreach (var service in new[] { "", "btx.v1.Inference", "btx.v1.Forest" })
            Assert.Equal(Status.Serving, (await health.CheckAsync(new() { Service = service })).Status);
        var failure = await Assert.ThrowsAsync<RpcException>(async () => await health.CheckAsync(new() { Service = "other.Service" }));
        Assert.Equal(StatusCode.NotFound, failure.StatusCode);
        Assert.Contains(server.Log.All, line => line.Contains("Health/Check: status NotFound", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Watch_tells_of_the_shutdown_and_ends()
    {
        await using var server = await RunningServer.StartAsync();
        var health = new Health.HealthClient(server.Channel);
        using var known = health.Watch(new());
        using var unknown = health.Watch(new() { Service = "other.Service" });
        Assert.True(await known.ResponseStream.MoveNext(default));
        Assert.Equal(Status.Serving, known.ResponseStream.Current.Status);
        Assert.True(await unknown.ResponseStream.MoveNext(default));
        Assert.Equal(Status.ServiceUnknown, unknown.ResponseStream.Current.Status);
        var stopping = server.StopAsync();
        Assert.Equal(Status.NotServing, (await known.ResponseStream.ReadAllAsync().ToListAsync())[^1].Status);
        await unknown.ResponseStream.ReadAllAsync().ToListAsync();
        await stopping;
    }
}
