using Btx.Server.Requests;

namespace Btx.Server.Tests.Requests;

/// <summary>How a text longer than the context is divided.</summary>
public sealed class ScoreWindowTests
{
    [Fact]
    public void Every_token_but_the_first_is_scored_once_from_as_much_as_the_rule_says()
    {
        for (var context = 2; context <= 9; context++)
        {
            for (var tokens = 2; tokens <= 40; tokens++)
            {
                for (var stride = 1; stride < context; stride++)
                {
                    var windows = ScoreWindow.Over(tokens, context, stride);
                    Assert.Equal(((long)windows.Count, windows.Sum(w => (long)w.End - w.Start)), ScoreWindow.Cost(tokens, context, stride));
                    Assert.Equal(Enumerable.Range(1, tokens - 1), windows.SelectMany(w => Enumerable.Range(w.First, w.End - w.First)));
                    Assert.Equal((0, Math.Min(tokens, context), 1), (windows[0].Start, windows[0].End, windows[0].First));
                    Assert.All(windows.Skip(1), w => Assert.Equal(context, w.End - w.Start));
                    Assert.All(windows.Skip(1), w => Assert.InRange(w.First - w.Start, context - stride, context));
                    Assert.All(windows.Zip(windows.Skip(1)).SkipLast(1), pair => Assert.Equal(stride, pair.Second.End - pair.First.End));
                }
            }
        }
    }
}
