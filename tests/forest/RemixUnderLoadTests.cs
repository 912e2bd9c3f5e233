using Btx.Engine;
using Btx.Engine.Requests;
using Btx.Model.Moe;
using Btx.Model.Serving;
using static Btx.Engine.Tests.Fixtures.EngineCalls;

namespace Btx.Forest.Tests;

/// <summary>A real BTX model beside a real forest: an expert leaves both, and joins both again, while the model answers.</summary>
public sealed class RemixUnderLoadTests : IDisposable
{
    private static readonly ScoreRequest Text = new([256, .. Enumerable.Range(70, 24)], Moe(2));

    private readonly RemixWorld world = new();

    private static CancellationToken None => TestContext.Current.CancellationToken;

    public void Dispose() => world.Dispose();

    [Fact]
    public async Task An_expert_leaves_and_joins_while_the_model_answers_and_a_restart_serves_what_was_committed()
    {
        var author = new ChangeAuthor("ada", "a test");
        var present = world.Serve("present", ["alpha", "gamma", "beta"]);
        var scratch = world.Serve("scratch", ["alpha", "gamma"]);
        world.StatisticsDirectory("handed/beta", "beta");
        var options = world.Options with { Moe = present };
        var changes = new RegistryOptions { ExpertRoots = [world.At("handed")], Remix = world.Remix() };
        string without, again;
        await using (var registry = ForestRegistry.Open(options, changes))
        {
            var first = await Score(registry.Engine);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(None);
            var answered = Answer(registry.Engine, stop.Token);

            var removed = await registry.ChangeAsync(new ExpertRemoval { By = author, Experts = ["beta"] });
            without = Path.Combine(world.At("served"), registry.State.Moe!);
            Assert.Equal(["alpha", "gamma"], registry.Engine.Describe().Moe!.Experts);
            Assert.Equal((ServedMoeManifest.Load(present).SourceSha256, ServedMoeManifest.Load(without).SourceSha256),
                (removed.Certificate!.MoeBeforeSha256, removed.Certificate.MoeAfterSha256));
            await using (var fresh = ForestEngine.Start(new EngineOptions { Moe = scratch, Threads = 1, Slots = 2 }))
                Assert.Equal(await Score(fresh), await Score(registry.Engine));

            await registry.ChangeAsync(new ExpertAddition
            { By = author, Name = "beta", Directory = world.Expert("beta"), RouterStatistics = world.At("handed/beta") });
            again = Path.Combine(world.At("served"), registry.State.Moe!);
            Assert.Equal(["alpha", "gamma", "beta"], registry.Engine.Describe().Moe!.Experts);
            Assert.Equal(first, await Score(registry.Engine));

            await stop.CancelAsync();
            Assert.True(await answered > 0);
        }

        await using var restarted = ForestRegistry.Open(options, changes);
        Assert.Equal(["alpha", "gamma", "beta"], restarted.Engine.Describe().Moe!.Experts);
        Assert.Equal(BtxManifest.Load(again).Sha256, restarted.Engine.Describe().Moe!.Sha256);
        Assert.NotEqual(without, again);
    }

    private static async Task<double[]> Score(ForestEngine engine) => [.. (await engine.ScoreAsync(Text, None)).LogProbs];

    // Every request is answered, whichever model it meets.
    private static async Task<int> Answer(ForestEngine engine, CancellationToken stop)
    {
        var count = 0;
        for (; !stop.IsCancellationRequested; count++)
        {
            Assert.All(await Score(engine), p => Assert.True(p < 0 && double.IsFinite(p)));
            await Task.Delay(20, CancellationToken.None);
        }

        return count;
    }
}
