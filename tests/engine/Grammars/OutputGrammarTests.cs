using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Btx.Engine.Grammars;
using Btx.Model;
using Json.Schema;
using static Btx.Engine.Tests.Grammars.JsonVocabulary;

namespace Btx.Engine.Tests.Grammars;

/// <summary>Whatever a model writes under a schema is valid, and whatever cannot be served is refused by its name.</summary>
public sealed partial class OutputGrammarTests
{
    private static readonly EvaluationOptions Strict = new() { RequireFormatValidation = true };

    [Fact]
    public void Answers_to_random_schemas_are_valid_however_few_tokens_there_are()
    {
        var random = new Random(5);
        for (var seed = 0; seed < 2000; seed++)
        {
            var schema = new RandomSchema(seed).Next();
            var grammar = Grammar(schema);
            var judge = JsonSchema.FromText(schema);
            foreach (var extra in new[] { random.Next(4), random.Next(80) })
            {
                var tokens = Answer(grammar, grammar.LeastBytes + extra, random);
                var text = Written(tokens);
                if (BeyondDecimal().IsMatch(text)) continue;
                Assert.True(tokens.Count <= grammar.LeastBytes + extra);
                using var answer = JsonDocument.Parse(Utf8(tokens));
                Assert.True(HasDistinctKeys(answer.RootElement), text);
                Assert.True(judge.Evaluate(answer.RootElement, Strict).IsValid, $"seed {seed}: {text} is not valid under {schema}");
            }
        }
    }

    [Fact]
    public void Any_object_is_an_object_of_distinct_keys_within_its_depth()
    {
        var random = new Random(6);
        for (var i = 0; i < 60; i++)
        {
            using var answer = JsonDocument.Parse(Utf8(Answer(OutputGrammar.AnyObject, 2 + random.Next(300), random)));
            Assert.Equal(JsonValueKind.Object, answer.RootElement.ValueKind);
            Assert.True(HasDistinctKeys(answer.RootElement));
        }
    }

    [Fact]
    public void Nesting_ends_where_usual_readers_stop()
    {
        var run = new GrammarRun(Grammar("""{"type":"array","items":{"$ref":"#"}}"""), Trie, 1000);
        for (var depth = 0; depth < 64; depth++)
        {
            Assert.Contains(ByteToken((byte)'['), Ids(run.Mask(1000)));
            run.Advance(ByteToken((byte)'['), 1000);
        }

        Assert.DoesNotContain(ByteToken((byte)'['), Ids(run.Mask(1000)));
    }

    [Theory]
    [InlineData("""{"type":"object","properties":{"a":{"type":"integer"},"b":{}},"required":["a"]}""", 7)]
    [InlineData("""{"type":"string","minLength":5}""", 7)]
    [InlineData("""{"type":"array","items":{"const":"ab"},"minItems":3}""", 16)]
    [InlineData("""{"type":"integer","minimum":1000}""", 4)]
    [InlineData("""{"enum":["long","x",[]]}""", 2)]
    [InlineData("""{"$defs":{"n":{"anyOf":[{"type":"null"},{"type":"array","items":{"$ref":"#/$defs/n"}}]}},"$ref":"#/$defs/n"}""", 2)]
    [InlineData("""{"properties":{"a":{}},"required":[ ]}""", 2)]
    [InlineData("true", 1)]
    public void The_shortest_answer_is_known(string schema, int bytes) => Assert.Equal(bytes, Grammar(schema).LeastBytes);

    [Theory]
    [InlineData("""{"properties":{"age":{"type":"integer","multipleOf":5}}}""",
        "schema: properties.age.multipleOf cannot be served; served are type,")]
    [InlineData("""{"items":{"uniqueItems":true}}""", "schema: items.uniqueItems cannot")]
    [InlineData("""{"not":{}}""", "schema: not cannot")]
    [InlineData("""{"type":"text"}""", "schema: type is \"text\"; expected object, array,")]
    [InlineData("""{"format":"idn-email"}""", "schema: format is \"idn-email\"; served are date,")]
    [InlineData("""{"properties":{"a":false}}""", "schema: properties.a lets no value through")]
    [InlineData("""{"properties":{"a":{}},"required":["b"]}""", "schema: required names \"b\", which properties lack")]
    [InlineData("""{"$ref":"#/$defs/x"}""", "schema: $ref names nothing")]
    [InlineData("""{"$ref":"http://example.com/"}""", "schema: $ref cannot be served; what it names must lie")]
    [InlineData("""{"$ref":"#"}""", "schema: the schema cannot be served: a $ref leads back to itself")]
    [InlineData("""
        {"$ref":"#/$defs/b","$defs":{"a":{"anyOf":[{"items":{"$ref":"#/$defs/a"}},{"$ref":"#/$defs/b"}]},"b":{"$ref":"#/$defs/a"}}}
        """,
        "schema: the schema cannot be served: a $ref leads back to itself")]
    [InlineData("""{"properties":{"a":{"$ref":"#"}},"required":["a"]}""", "schema: the schema cannot be served: no value of at most 64")]
    [InlineData("""{"allOf":[{},{}]}""", "schema: allOf of more than one schema cannot be served")]
    [InlineData("""{"oneOf":[{"type":"integer"},{"type":"number"}]}""", "schema: oneOf.1 could be true of a value together with branch 0")]
    [InlineData("""{"anyOf":[{}],"type":"object"}""", "schema: type beside anyOf cannot be served")]
    [InlineData("""{"enum":["a"],"minLength":1}""", "schema: minLength beside enum cannot")]
    [InlineData("""{"enum":["a"],"type":"null"}""", "schema: enum has no value of the schema's type")]
    [InlineData("""{"minLength":3,"maxLength":2}""", "schema: the schema asks for 3 characters or more, and for 2 or fewer")]
    [InlineData("""{"minLength":1.5}""", "schema: minLength is no whole number")]
    [InlineData("""{"minimum":1,"exclusiveMaximum":1}""",
        "schema: the schema cannot be served: of numbers with up to 15 digits no value fits")]
    [InlineData("""{"minimum":1e-30}""", "schema: minimum is no number of up to 28 digits")]
    [InlineData("""{"exclusiveMinimum":true}""", "schema: exclusiveMinimum is no number")]
    [InlineData("""{"pattern":"^a(?=b)"}""", "schema: pattern cannot be served: at 5 of the pattern: looking around")]
    [InlineData("""{"pattern":"(a)\\1"}""", "\"\\1\" cannot be served")]
    [InlineData("""{"pattern":"^a$","maxLength":0}""", "schema: pattern cannot be served: no value fits")]
    [InlineData("""{"pattern":"\\p{L}"}""", "\"\\p\" cannot be served")]
    [InlineData("""{"const":"\ud800"}""", "schema: the schema has a string that is no text")]
    [InlineData("""{"properties":{"a":{},"a":{}}}""", "schema: properties.a is there twice")]
    [InlineData("[]", "schema: the schema is no object")]
    public void What_cannot_be_served_is_refused_by_its_name(string schema, string expected)
    {
        var refused = Assert.Throws<RequestRejectedException>(() => Grammar(schema));
        Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
        Assert.Equal(("schema", ErrorKind.Invalid), (refused.Problem.Parameter, refused.Kind));
    }

    [Theory]
    [InlineData("{\"pattern\":\"(a|b)*a(a|b){30}\"}", "60000 states", "steps")]
    [InlineData("{\"pattern\":\"((a{1000}){1000}){1000}\"}", "20000 steps", "steps")]
    [InlineData("{\"pattern\":\"(((){1000}){1000}){1000}\"}", "2000000 steps", "steps")]
    [InlineData("{\"pattern\":\"^(.{0,900}x){0,900}$\"}", "20000 steps", "states")]
    [InlineData("{\"pattern\":\"^.*.{500}[a-z].{500}$\"}", "60000 states", "steps")]
    public void Hostile_patterns_end_soon_with_a_named_limit(string schema, string expected, string or)
    {
        var refused = Assert.Throws<RequestRejectedException>(() => Grammar(schema));
        Assert.True(new[] { expected, or }.Any(e => refused.Message.Contains(e, StringComparison.Ordinal)), refused.Message);
    }

    [Fact]
    public void Hostile_schemas_end_soon_with_a_named_limit()
    {
        var many = string.Join(',', Enumerable.Range(0, 5000).Select(i => $"\"p{i}\":{{\"type\":\"null\"}}"));
        var tuple = "{\"type\":\"array\",\"items\":{},\"maxItems\":1000}";
        var words = string.Join(',', Enumerable.Range(0, 20000).Select(i => $"\"{unchecked((uint)i * 2654435761):x8}\""));
        var branches = string.Join(',', Enumerable.Range(0, 2000).Select(i => $"{{\"const\":{i}}}"));
        var deep = string.Concat(Enumerable.Repeat("{\"items\":", 60)) + "{}" + new string('}', 60);
        foreach (var (schema, expected) in new[]
        {
            ($"{{\"title\":\"{new string('x', 300_000)}\"}}", "at most 262144 are taken"),
            ($"{{\"properties\":{{{many}}}}}", "more than 4096 schemas"),
            ($"{{\"const\":{new string('[', 64)}{new string(']', 64)}}}", "more than 64 levels of nesting"),
            ($"{{\"prefixItems\":[{string.Join(',', Enumerable.Repeat(tuple, 40))}]}}", "more than 60000 places"),
            ($"{{\"enum\":[{words}]}}", "more than 60000 states"),
            ($"{{\"oneOf\":[{branches}]}}", "more than 2000000 steps"),
        })
        {
            Assert.Contains(expected, Assert.Throws<RequestRejectedException>(() => Grammar(schema)).Message, StringComparison.Ordinal);
        }

        Assert.Equal(2, Grammar(deep).LeastBytes);
    }

    [Fact]
    public void Ways_to_read_that_double_with_each_reference_stay_few()
    {
        var defs = string.Join(',', Enumerable.Range(0, 40).Select(i =>
            "\"d#\":{\"anyOf\":[{\"$ref\":\"#/$defs/d+\"},{\"$ref\":\"#/$defs/d+\"}]}"
                .Replace("d#", $"d{i}", StringComparison.Ordinal).Replace("d+", $"d{i + 1}", StringComparison.Ordinal)));
        var same = string.Join(',', Enumerable.Repeat("""{"type":"array","items":{"$ref":"#/$defs/d40"}}""", 50));
        var last = "\"d40\":{\"anyOf\":[{\"type\":\"integer\"}," + same + "]}";
        var grammar = Grammar("{\"$ref\":\"#/$defs/d0\",\"$defs\":{" + defs + "," + last + "}}");
        using var answer = JsonDocument.Parse(Utf8(Answer(grammar, 40, new Random(7))));
        Assert.NotEqual(JsonValueKind.Undefined, answer.RootElement.ValueKind);
    }

    [Fact]
    public void The_same_schema_is_compiled_once() =>
        Assert.Same(Grammar("""{"const":"compiled once"}"""), Grammar("""{"const":"compiled once"}"""));

    // The judge reads numbers as decimals, which end at 7.9e28.
    [GeneratedRegex("[eE][+-]?[0-9]{2}")]
    private static partial Regex BeyondDecimal();

    private static byte[] Utf8(IReadOnlyList<int> tokens)
    {
        var bytes = Tokenizer.DecodeBytes([.. tokens]);
        _ = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes);
        return bytes;
    }

    private static bool HasDistinctKeys(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => value.EnumerateObject().Select(p => p.Name).Distinct().Count() == value.EnumerateObject().Count()
            && value.EnumerateObject().All(p => HasDistinctKeys(p.Value)),
        JsonValueKind.Array => value.EnumerateArray().All(HasDistinctKeys),
        _ => true,
    };
}
