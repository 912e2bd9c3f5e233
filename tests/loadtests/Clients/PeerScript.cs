using Btx.LoadTests.Clients;

namespace Btx.LoadTests.Tests.Clients;

/// <summary>A peer that is a few lines of shell.</summary>
internal static class PeerScript
{
    public const string Ready =
        """echo '{"event":"ready","name":"script","threads":1,"slots":2,"context":64,"vocabulary":9,"precision":"fp32","batching":"none"}'""";

    public static Task<PeerClient> StartAsync(string script, double patience = 30) =>
        PeerClient.StartAsync("script", ["bash", "-c", script], TimeSpan.FromSeconds(patience),
        TestContext.Current.CancellationToken);

    public static CompletionRequest Request(string prompt = "a prompt") => new(prompt, 3, new("expert"));

    public static TokenArrivals Arrivals() => new(TimeProvider.System, 4);
}
