using Btx.Engine.Text;

namespace Btx.Engine.Tests.Text;

public sealed class StopMatcherTests
{
    private static (string Text, bool Matched) Feed(string[] stops, IEnumerable<string> pieces)
    {
        var matcher = new StopMatcher(stops);
        var text = string.Concat(pieces.Select(matcher.Push)) + matcher.Flush();
        return (text, matcher.Matched is not null);
    }

    [Theory]
    [InlineData("hello world", "wor", "hello ", true)]
    [InlineData("hello world", "xyz", "hello world", false)]
    [InlineData("aaab", "aab", "a", true)]
    [InlineData("ababac", "abac", "ab", true)]
    [InlineData("end\n\nmore", "\n\n", "end", true)]
    [InlineData("end\n", "\n\n", "end\n", false)]
    public void However_the_text_is_cut_the_result_is_the_same(string text, string stop, string expected, bool matched)
    {
        for (var size = 1; size <= text.Length; size++)
            Assert.Equal((expected, matched), Feed([stop], text.Chunk(size).Select(c => new string(c))));
    }

    [Fact]
    public void The_earliest_of_several_stops_counts_and_is_named()
    {
        Assert.Equal(("ab", true), Feed(["ef", "cd"], ["abcdef"]));
        var matcher = new StopMatcher(["ef", "cd", "d"]);
        matcher.Push("abc");
        matcher.Push("def");
        Assert.Equal("cd", matcher.Matched);
    }

    [Fact]
    public void Holds_back_only_what_could_start_a_stop()
    {
        var matcher = new StopMatcher(["STOP"]);
        Assert.Equal("a ", matcher.Push("a ST"));
        Assert.Equal("", matcher.Push("O"));
        Assert.Equal("STOx", matcher.Push("x"));
        Assert.Null(matcher.Matched);
    }
}
