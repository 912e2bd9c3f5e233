using Btx.Server.Http.Chat;

namespace Btx.Server.Tests.Http.Chat;

/// <summary>What is a call and what is text, and from which character on that is known.</summary>
public sealed class CallReaderTests
{
    private static readonly ChatTools s_tools = ChatTools.Of(
        [new("function", new("weather", null, null, null)), new("function", new("time", null, null, null))], ToolChoice.Auto, many: true);

    [Theory]
    [InlineData("""{"name": "weather", "arguments": {"city": "Berne"}}""", "weather{\"city\": \"Berne\"}")]
    [InlineData("\n {\"parameters\": {\"a\": {\"b\": [1, {}]}}, \"name\": \"time\"} \n", "time{\"a\": {\"b\": [1, {}]}}")]
    [InlineData("<tool_call>\n{\"name\": \"time\", \"arguments\": {}}\n</tool_call>", "time{}")]
    [InlineData("<tool_call>{\"name\": \"time\", \"arguments\": {}}</tool_call>\n"
        + "<tool_call>{\"name\": \"weather\", \"arguments\": {}}</tool_call>",
        "time{} weather{}")]
    [InlineData("<tool_call>{\"name\": \"time\", \"arguments\": {\"ü\": \"}\"}}", "time{\"ü\": \"}\"}")]
    public void A_whole_answer_of_calls_is_held_back_and_read(string answer, string calls)
    {
        var (early, text, read) = Read(answer, s_tools);
        Assert.Equal(("", ""), (early, text));
        Assert.Equal(calls, string.Join(' ', read.Select(call => call.Name + call.Arguments)));
        Assert.All(read, call => Assert.Matches("^call_[0-9a-f]{24}$", call.Id));
    }

    [Theory]
    [InlineData("The weather", "T")]
    [InlineData("  {}", "  {}")]
    [InlineData("{\"answer\": 1}", "{\"answer\":")]
    [InlineData("{\"name\": \"nobody\", \"arguments\": {}}", "{\"name\": \"nobody\"")]
    [InlineData("{\"name\": \"time\", \"arguments\": {}} and more", "{\"name\": \"time\", \"arguments\": {}} a")]
    [InlineData("{\"name\": \"time\", \"arguments\": []}", "{\"name\": \"time\", \"arguments\": [")]
    [InlineData("{\"name\": \"time\", \"arguments\": {}, \"name\": \"time\"}", "{\"name\": \"time\", \"arguments\": {}, \"name\":")]
    [InlineData("{\"name\": \"time\"}", "{\"name\": \"time\"}")]
    [InlineData("<tool_box>", "<tool_b")]
    [InlineData("<tool_call>text", "<tool_call>t")]
    [InlineData("<tool_call>{\"name\": \"time\", \"arguments\": {}}</tool_cart>",
        "<tool_call>{\"name\": \"time\", \"arguments\": {}}</tool_car")]
    [InlineData("[{\"name\": \"time\"}]", "[")]
    [InlineData("{\"name\": \"time\", \"arguments\": {\"a\"", "")]
    [InlineData("<tool_", "")]
    public void Other_answers_are_text_as_soon_as_they_can_be_no_call(string answer, string known)
    {
        var reader = new CallReader(s_tools);
        var shown = "";
        foreach (var c in answer)
        {
            var text = reader.Push(c.ToString());
            if (shown.Length == 0 && text.Length > 0) Assert.Equal(known, text);
            shown += text;
        }

        Assert.Equal(known.Length == 0, shown.Length == 0);
        var (rest, calls) = reader.Finish();
        Assert.Empty(calls);
        Assert.Equal(answer, shown + rest);
    }

    [Fact]
    public void Without_tools_nothing_is_held_back()
    {
        var reader = new CallReader(ChatTools.None);
        Assert.Equal("{", reader.Push("{"));
    }

    [Fact]
    public void Where_the_client_wants_one_call_the_first_counts()
    {
        var one = s_tools with { Many = false };
        var (_, _, calls) = Read("<tool_call>{\"name\":\"time\",\"arguments\":{}}</tool_call>"
            + "<tool_call>{\"name\":\"weather\",\"arguments\":{}}</tool_call>", one);
        Assert.Equal("time", Assert.Single(calls).Name);
    }

    [Fact]
    public void A_forced_call_has_arguments_by_the_schema_of_its_function_wherever_that_refers_to_itself()
    {
        const string Tree = """
            {"type":"object","properties":{"next":{"$ref":"#"},"unit":{"$ref":"#/$defs/unit"}},"$defs":{"unit":{"enum":["c"]}}}
            """;
        var tools = ChatTools.Of([new("function", new("tree", null, ChatPromptTests.Schema(Tree), null)),
            new("function", new("time", null, null, null))], ToolChoice.Required, many: true);
        var tree = tools.Schema().GetProperty("$defs").GetProperty("tree");
        Assert.Equal("#/$defs/tree", tree.GetProperty("properties").GetProperty("next").GetProperty("$ref").GetString());
        Assert.Equal("#/$defs/tree/$defs/unit", tree.GetProperty("properties").GetProperty("unit").GetProperty("$ref").GetString());
        Assert.NotNull(Engine.Grammars.OutputGrammar.FromSchema(tools.Schema(), "tools"));
    }

    [Theory]
    [InlineData("{}", "{\"type\":\"object\"}")]
    [InlineData("""{"type":"object","properties":{"$ref":{"const":{"$ref":"#/foo"}},"a":{"enum":[{"$ref":"#"}]},"b":{"$ref":"#"}}}""",
        """{"type":"object","properties":{"$ref":{"const":{"$ref":"#/foo"}},"a":{"enum":[{"$ref":"#"}]},"b":{"$ref":"#/$defs/f"}}}""")]
    [InlineData("""{"type":"string"}""", null)]
    [InlineData("""{"anyOf":[{"type":"object"},{"type":"null"}]}""", null)]
    public void Arguments_of_a_forced_call_are_an_object_and_values_in_their_schema_stay_as_they_are(string schema, string? held)
    {
        var tools = ChatTools.Of([new("function", new("f", null, ChatPromptTests.Schema(schema), null))], ToolChoice.Required, many: true);
        if (held is null)
            Assert.Equal("tools[0].function.parameters is not of type object",
                Assert.Throws<Engine.RequestRejectedException>(() => tools.Schema()).Message);
        else
            Assert.Equal(held, tools.Schema().GetProperty("$defs").GetProperty("f").GetRawText());
    }

    [Fact]
    public void A_long_call_is_one_and_a_long_text_that_begins_as_one_loses_nothing()
    {
        var arguments = $"{{\"city\": \"{new string('x', 5000)}\"}}";
        var (early, text, calls) = Read($"{{\"name\": \"weather\", \"arguments\": {arguments}}}", s_tools);
        Assert.Equal(("", "", arguments), (early, text, Assert.Single(calls).Arguments));
        var broken = $"{{\"name\": \"weather\", \"arguments\": {arguments[..^1]} and so on, {new string('y', 5000)}";
        (early, text, calls) = Read(broken, s_tools);
        Assert.Equal(broken, early + text);
        Assert.NotEqual("", early); // it is let go before the end
        Assert.Empty(calls);
    }

    private static (string Early, string Text, IReadOnlyList<ToolCall> Calls) Read(string answer, ChatTools tools)
    {
        var reader = new CallReader(tools);
        var early = string.Concat(answer.Select(c => reader.Push(c.ToString())));
        var (text, calls) = reader.Finish();
        return (early, text, calls);
    }
}
