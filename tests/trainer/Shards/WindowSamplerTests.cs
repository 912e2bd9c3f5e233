using Btx.Model.Tokens;
using Btx.Trainer.Corpora;
using Btx.Trainer.Shards;
using Btx.Trainer.Tests.Phases;

namespace Btx.Trainer.Tests.Shards;

public sealed class WindowSamplerTests : IDisposable
{
    private const int Context = 8;
    private readonly TinyWorld world = new();
    private readonly TokenShard[] shards;

    public WindowSamplerTests()
    {
        var cache = new TokenShardCache(CorpusDirectory.Open(world.Corpus), TextTokenizer.Load(world.Tokenizer));
        shards = [.. TinyWorld.Domains.Select(d => cache.Open(TextSource.Of(d), CorpusSplit.Train))];
    }

    public void Dispose()
    {
        foreach (var shard in shards) shard.Dispose();
        world.Dispose();
    }

    [Fact]
    public void Equal_seeds_draw_equal_windows_and_targets_follow_inputs()
    {
        var (first, second, other) = (Draw(Sampler(5), 40), Draw(Sampler(5), 40), Draw(Sampler(6), 40));
        Assert.Equal(first.Inputs, second.Inputs);
        Assert.Equal(first.Targets, second.Targets);
        Assert.NotEqual(first.Inputs, other.Inputs);
        for (var row = 0; row < 40; row++)
            Assert.Equal(first.Inputs[((row * Context) + 1)..((row + 1) * Context)],
                first.Targets[(row * Context)..((row * Context) + Context - 1)]);
    }

    [Fact]
    public void A_saved_state_goes_on_exactly()
    {
        var sampler = Sampler(5);
        Draw(sampler, 7);
        var state = sampler.State;
        Assert.Equal(7, state.Drawn);
        var expected = Draw(sampler, 20);
        var resumed = Sampler(99);
        resumed.State = state;
        Assert.Equal(expected.Inputs, Draw(resumed, 20).Inputs);
        Assert.Equal(27, resumed.State.Drawn);
    }

    [Fact]
    public void Sources_get_their_shares_and_starts_cover_the_shard()
    {
        var sampler = new WindowSampler(shards, [1, 2, 1], Context, 3);
        var letters = TinyWorld.Domains.Select(_ => 0).ToArray();
        var tokenizer = TextTokenizer.Load(world.Tokenizer);
        for (var n = 0; n < 4000; n++)
        {
            var ids = Draw(sampler, 1).Inputs.Select(i => (int)i).ToArray();
            var letter = tokenizer.Decode(ids).FirstOrDefault(char.IsAsciiLetterLower);
            if (letter != 0) letters[(letter - 'a') / 8]++;
        }

        Assert.InRange(letters[0], 880, 1120); // 1000 expected, standard deviation 27
        Assert.InRange(letters[1], 1870, 2130);
        var single = new WindowSampler([shards[0]], [1], Context, 3);
        var starts = new HashSet<string>();
        for (var n = 0; n < 60_000; n++) starts.Add(string.Join(',', Draw(single, 1).Inputs));
        var possible = new HashSet<string>();
        var window = new long[Context];
        for (long s = 0; s < shards[0].Count - Context; s++)
        {
            shards[0].CopyTo(s, window);
            possible.Add(string.Join(',', window));
        }

        Assert.Superset(starts, possible);
        Assert.True(starts.Count > 0.98 * possible.Count, $"{starts.Count} of {possible.Count} windows were drawn");
    }

    private WindowSampler Sampler(long seed) => new(shards, [1, 1, 1], Context, seed);

    private static (long[] Inputs, long[] Targets) Draw(WindowSampler sampler, int rows)
    {
        long[] inputs = new long[rows * Context], targets = new long[rows * Context];
        sampler.Next(inputs, targets);
        return (inputs, targets);
    }
}
