using System.Text;
using System.Text.Json;
using Btx.Fixtures;
using Btx.Model;
using Btx.Model.Tokens;
using Btx.Peers;

namespace Btx.LoadTests.Tests.Peers;

/// <summary>The protocol's peer side, with a model that counts.</summary>
public sealed class PeerLoopTests : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("btx-loop-");

    public PeerLoopTests() => TinyForest.WriteTokenizer(_root.FullName);

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public void Requests_run_side_by_side_as_far_as_there_is_room_and_all_are_answered()
    {
        var model = new CountingModel(slots: 2);
        var events = Run(model, Asked(1, 3), Asked(2, 1), Asked(3, 2));
        Assert.Equal("ready", events[0].Event);
        Assert.Equal([1, 2, 3], Tokens(events, 1));
        Assert.Equal([1], Tokens(events, 2));
        Assert.Equal([1, 2], Tokens(events, 3));
        Assert.Equal([2, 1, 3], events.Where(e => e.Event == "done").Select(e => e.Id));
        Assert.Equal(2, model.Most);
    }

    [Fact]
    public void Text_becomes_the_servers_tokens()
    {
        var model = new CountingModel(slots: 1);
        var events = Run(model, """{"id":1,"text":"the end","max_tokens":1}""");
        Assert.Equal([TinyForest.EndOfTextId, .. TextTokenizer.Load(_root.FullName).Encode("the end")], model.Prompts[0]);
        Assert.Equal(model.Prompts[0].Length, events.Single(e => e.Event == "done").PromptTokens);
    }

    [Fact]
    public void What_cannot_be_run_is_refused_and_the_rest_goes_on()
    {
        var events = Run(
            new CountingModel(slots: 1),
            """{"id":1,"prompt":[],"max_tokens":1}""", """{"id":2,"prompt":[5,400],"max_tokens":1}""",
                """{"id":3,"prompt":[1],"max_tokens":0}""", """{"id":4,"prompt":[1,1,1,1,1,1,1,1],"max_tokens":1}""", Asked(5, 1));
        Assert.Equal(
            ["the prompt is empty", "prompt[1] is 400; expected 0..399", "max_tokens is 0; expected 1 or more",
                "the prompt has 8 tokens; the context holds 8, one of them to be generated"],
            events.Where(e => e.Event == "error").Select(e => e.Message!));
        Assert.Equal([5], events.Where(e => e.Event == "done").Select(e => e.Id));
    }

    [Fact]
    public void A_cancelled_request_is_answered_no_more()
    {
        var model = new CountingModel(slots: 1);
        var events = Run(model, Asked(1, 2), Asked(2, 2), """{"cancel":2}""", """{"cancel":9}""", Asked(3, 1));
        Assert.Equal([1, 3], events.Where(e => e.Event == "done").Select(e => e.Id));
        Assert.Empty(Tokens(events, 2));
        Assert.Equal([(1, 2), (3, 1)], model.Removed);
        model = new CountingModel(slots: 2);
        Assert.Single(Run(model, Asked(1, 4), Asked(2, 4), """{"cancel":1}"""), e => e.Event == "done");
        Assert.Contains((2, 4), model.Removed);
    }

    [Theory]
    [InlineData("hello")]
    [InlineData("{}")]
    [InlineData("{\"id\":1,\"prompt\":\"x\",\"max_tokens\":1}")]
    [InlineData("{\"id\":1,\"prompt\":[1],\"max_tokens\":1.5}")]
    public void A_line_that_is_no_request_ends_it_with_a_message(string line)
    {
        var error = Assert.ThrowsAny<Exception>(() => Run(new CountingModel(slots: 1), line));
        Assert.IsType<BtxException>(error.GetBaseException());
        Assert.StartsWith($"standard input: cannot read \"{line}\"", error.GetBaseException().Message, StringComparison.Ordinal);
    }

    private static string Asked(int id, int tokens) => $$"""{"id":{{id}},"prompt":[1,2],"max_tokens":{{tokens}}}""";

    private static IEnumerable<int> Tokens(IEnumerable<Answer> events, int id) =>
        events.Where(e => e.Event == "token" && e.Id == id).Select(e => e.Token);

    private Answer[] Run(CountingModel model, params string[] lines)
    {
        using var output = new MemoryStream();
        using var input = new WatchedReader(string.Join('\n', lines), model.AllRead);
        new PeerLoop(model, TextTokenizer.Load(_root.FullName), input, output).Run();
        return [.. Encoding.UTF8.GetString(output.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(l => JsonSerializer.Deserialize<Answer>(l, s_json)!)];
    }

    private static readonly JsonSerializerOptions s_json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private sealed record Answer(string Event, long Id, int Token, string? Message, int PromptTokens);

    private sealed class WatchedReader(string text, ManualResetEventSlim end) : StringReader(text)
    {
        public override string? ReadLine()
        {
            var line = base.ReadLine();
            if (line is null) end.Set();
            return line;
        }
    }

    /// <summary>Answers 1, 2, 3, … to everybody; its first step is over when all lines are read.</summary>
    private sealed class CountingModel(int slots) : IPeerModel
    {
        private readonly List<PeerRequest> _running = [];

        public PeerDescription Description { get; } = new("counting", 1, slots, 8, 400, "fp32", "");

        public ManualResetEventSlim AllRead { get; } = new();

        public int Most { get; private set; }

        public List<int[]> Prompts { get; } = [];

        public List<(long Id, int Generated)> Removed { get; } = [];

        public bool TryAdd(PeerRequest request)
        {
            if (_running.Count == Description.Slots) return false;
            Prompts.Add(request.Prompt);
            _running.Add(request);
            return true;
        }

        public IReadOnlyList<(PeerRequest Request, int Token)> Step()
        {
            AllRead.Wait();
            Most = Math.Max(Most, _running.Count);
            return [.. _running.Select(r => (r, r.Generated + 1))];
        }

        public void Remove(PeerRequest request)
        {
            Removed.Add((request.Id, request.Generated));
            _running.Remove(request);
        }

        public void Dispose() => AllRead.Dispose();
    }
}
