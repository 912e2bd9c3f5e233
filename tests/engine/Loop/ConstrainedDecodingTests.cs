using System.Text.Json;
using Btx.Engine.Grammars;
using Btx.Engine.Requests;
using Btx.Engine.Sampling;
using Btx.Engine.Tests.Fixtures;
using Btx.Model.Mixing;
using Json.Schema;
using static Btx.Engine.Tests.Fixtures.EngineCalls;

namespace Btx.Engine.Tests.Loop;

/// <summary>Requests that say what their answer may look like, in the loop.</summary>
public sealed class ConstrainedDecodingTests
{
    private const string Person = """
        {"type":"object","properties":{"name":{"type":"string","maxLength":8},"age":{"type":"integer","minimum":0},
        "tags":{"type":"array","items":{"enum":["the","cat"]},"maxItems":2}},"required":["name","age"],"additionalProperties":false}
        """;

    private static readonly OutputGrammar Grammar = OutputGrammar.FromSchema(JsonElement.Parse(Person));

    private static GenerationRequest Ask(Routing routing, int maxTokens = 50, SamplingOptions? sampling = null) =>
        Request(routing, maxTokens, sampling: sampling) with { Grammar = Grammar, IgnoreEndOfSequence = false, TopLogProbs = 20 };

    private static Routing Mode(string name) => name switch
    {
        "moe" => Moe(2),
        "expert" => Expert("expert-1"),
        "top_k" => TopK(2),
        "average" => new Routing { Mode = RoutingMode.Average },
        _ => new Routing(),
    };

    [Theory]
    [InlineData("ensemble")]
    [InlineData("top_k")]
    [InlineData("average")]
    [InlineData("expert")]
    [InlineData("moe")]
    public async Task Every_mode_answers_under_the_schema(string mode)
    {
        await using var forest = new FakeForest(context: 128);
        var judge = JsonSchema.FromText(Person);
        for (var i = 0; i < 12; i++)
        {
            var max = Grammar.LeastBytes + (i * i);
            var events = await forest.Engine.Run(Ask(Mode(mode), max, new() { Seed = i, Temperature = i % 3, TopP = 0.95 }));
            using var answer = JsonDocument.Parse(string.Concat(events.Select(e => e.Text)));
            Assert.True(judge.Evaluate(answer.RootElement).IsValid, answer.RootElement.GetRawText());
            Assert.Equal(FinishReason.Stop, events[^1].Finish);
        }

        await forest.Engine.AssertSound();
    }

    [Theory]
    [InlineData("ensemble")]
    [InlineData("expert")]
    [InlineData("moe")]
    public async Task The_greedy_token_is_the_most_probable_that_may_come(string mode)
    {
        await using var forest = new FakeForest(context: 128);
        var events = await forest.Engine.Run(Ask(Mode(mode)));
        var run = new GrammarRun(Grammar, forest.Snapshot.Resources.Trie, 50);
        var told = 0;
        foreach (var (i, e) in events.Index())
        {
            var mask = run.Mask(50 - i);
            var allowed = e.Top.Where(t => (mask[t.Token >> 6] >> t.Token & 1) != 0).ToList();
            if (allowed.Count > 0)
            {
                Assert.Equal(allowed[0].Token, e.Token);
                Assert.Equal(allowed[0].LogProb, e.LogProb, 1e-9); // the mixture's own
                told++;
            }

            run.Advance(e.Token!.Value, 49 - i);
        }

        Assert.True(told > 5);
    }

    [Fact]
    public async Task What_is_drawn_has_the_mixtures_shares_among_what_may_come()
    {
        await using var forest = new FakeForest(context: 128);
        var grammar = OutputGrammar.FromSchema(JsonElement.Parse("""{"enum":["a","th","zz"]}"""));
        var first = (await forest.Engine.Run(Ask(Expert("expert-0"), 12) with { Grammar = grammar }))[0];
        int[] choices = ['a', 't', 'z'];
        int[] prompt = [256, 84, 104, 101, 32, 99, 97, 116, first.Token!.Value];
        var th = forest.Engine.Tokenizer.TokenId("th")!.Value;
        var logProbs = new List<double>();
        foreach (var token in choices.Append(th))
            logProbs.Add((await forest.Engine.ScoreAsync(new ScoreRequest([.. prompt, token], Expert("expert-0")), default)).LogProbs[^1]);
        var shares = new double[4];
        LogSpace.Softmax([.. logProbs], shares);
        var counts = new int[4];
        for (var i = 0; i < 600; i++)
        {
            var events = await forest.Engine.Run(Ask(Expert("expert-0"), 12, new() { Seed = i }) with { Grammar = grammar });
            counts[choices.Append(th).ToList().IndexOf(events[1].Token!.Value)]++;
        }

        for (var c = 0; c < 4; c++) Assert.InRange(counts[c] / 600.0, shares[c] - 0.08, shares[c] + 0.08);
    }

    [Fact]
    public async Task What_no_expert_finds_probable_can_still_come()
    {
        await using var forest = new FakeForest(context: 128);
        foreach (var expert in forest.Experts) expert.Certain = _ => 300; // with 100 to any other's 8: fp32 has nothing left for it
        var events = await forest.Engine.Run(Ask(new Routing()));
        Assert.True(JsonSchema.FromText(Person).Evaluate(JsonElement.Parse(string.Concat(events.Select(e => e.Text)))).IsValid);
    }

    [Fact]
    public async Task An_answer_ends_where_nothing_may_follow_and_end_of_sequence_comes_only_where_it_may()
    {
        await using var forest = new FakeForest(context: 128);
        foreach (var expert in forest.Experts) expert.Certain = _ => Btx.Fixtures.TinyForest.EndOfTextId;
        var number = OutputGrammar.FromSchema(JsonElement.Parse("""{"type":"integer","minimum":10}"""));
        var events = await forest.Engine.Run(Ask(new Routing()) with { Grammar = number });
        Assert.Equal((3, FinishReason.Stop, Btx.Fixtures.TinyForest.EndOfTextId), (events.Count, events[^1].Finish, events[^1].Token));
        events = await forest.Engine.Run(Ask(new Routing(), sampling: new() { Temperature = 0, MinTokens = 5 }) with { Grammar = number });
        Assert.Equal(6, events.Count);
        events = await forest.Engine.Run(Ask(new Routing(), 4) with { Grammar = number, IgnoreEndOfSequence = true });
        Assert.Equal((4, FinishReason.Length), (events.Count, events[^1].Finish));
        var word = OutputGrammar.FromSchema(JsonElement.Parse("""{"const":"x"}"""));
        events = await forest.Engine.Run(Ask(new Routing()) with { Grammar = word });
        Assert.Equal(("\"x\"", FinishReason.Stop), (string.Concat(events.Select(e => e.Text)), events[^1].Finish));
    }

    [Fact]
    public async Task Stop_tokens_end_as_end_of_sequence_does_and_not_too_soon()
    {
        await using var forest = new FakeForest(context: 128);
        foreach (var expert in forest.Experts) expert.Certain = n => n % 4 == 0 ? 'b' : 'a';
        var options = new SamplingOptions { Temperature = 0, StopTokenIds = ['b'] };
        var events = await forest.Engine.Run(Request(new Routing(), 20, sampling: options with { MinTokens = 1 }));
        Assert.Equal((5, FinishReason.Stop, 'b'), (events.Count, events[^1].Finish, events[^1].Token));
        Assert.Single(await forest.Engine.Run(Request(new Routing(), 20, sampling: options)));
    }

    [Fact]
    public async Task What_cannot_hold_is_refused_before_any_work()
    {
        await using var forest = new FakeForest(context: 40);
        foreach (var (request, parameter, expected) in new[]
        {
            (Ask(new Routing(), Grammar.LeastBytes - 1), "max_tokens", $"max_tokens is {Grammar.LeastBytes - 1}; the shortest answer"),
            (Ask(new Routing(), 39) with { Prompt = new int[25] }, "prompt",
                "the prompt has 25 tokens; the context holds 40, and the shortest"),
            (Ask(new Routing(), 30) with { Stop = ["}"] }, "stop", "stop strings could cut"),
            (Ask(new Routing(), 30, new() { StopTokenIds = ['}'] }), "stop_token_ids",
                "token 125 ends the text and stands for a single byte"),
        })
        {
            var refused = Assert.Throws<RequestRejectedException>(() => forest.Engine.Generate(request, default));
            Assert.Equal(parameter, refused.Problem.Parameter);
            Assert.StartsWith(expected, refused.Message, StringComparison.Ordinal);
        }

        await forest.Engine.AssertSound();
    }

    [Fact]
    public async Task Tokens_under_a_grammar_allocate_little_once_its_states_are_known()
    {
        await using var forest = new FakeForest(context: 256, records: false);
        var text = OutputGrammar.FromSchema(JsonElement.Parse("""{"type":"array","items":{"type":"string"},"minItems":50}"""));
        var request = Ask(Expert("expert-0"), 200, new() { Seed = 1 }) with { Grammar = text, TopLogProbs = 0, ReportExperts = false };
        await forest.Engine.Run(request);
        var before = forest.Engine.DecodeAllocation;
        await forest.Engine.Run(request);
        var after = forest.Engine.DecodeAllocation;
        Assert.True(after.Tokens - before.Tokens > 100);
        Assert.InRange((after.Bytes - before.Bytes) / (after.Tokens - before.Tokens), 0, 8192);
    }
}
