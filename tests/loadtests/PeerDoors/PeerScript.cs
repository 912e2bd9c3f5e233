using Btx.LoadTests.Doors;
using Btx.LoadTests.PeerDoors;

namespace Btx.LoadTests.Tests.PeerDoors;

/// <summary>A peer that is a few lines of shell.</summary>
internal static class PeerScript
{
    public const string Ready =
        """echo '{"event":"ready","name":"script","threads":1,"slots":2,"context":64,"vocabulary":9,"precision":"fp32","batching":"none"}'""";

    public static Task<PeerProcess> StartAsync(string script, double patience = 30) =>
        PeerProcess.StartAsync(new PeerCommand("script", "bash", ["-c", script]), TimeSpan.FromSeconds(patience),
        TestContext.Current.CancellationToken);

    public static DoorRequest Request(string prompt = "a prompt") => new() { Prompt = prompt, MaxTokens = 3, Routing = new("expert") };

    public static TokenArrivals Arrivals() => new(TimeProvider.System, 4);
}
