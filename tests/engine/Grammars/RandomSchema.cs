using System.Text.Json.Nodes;

namespace Btx.Engine.Tests.Grammars;

/// <summary>Schemas of every served kind that some value fits, the same for the same seed.</summary>
internal sealed class RandomSchema(int seed)
{
    private static readonly string[] Names = ["name", "age", "a", "b", "kind", "x y", "q\"uote", "ü", "next"];

    private static readonly string[] Patterns =
        ["^[a-z]{2,5}$", "\\d+", "^(?:yes|no)?$", "[^\\s]\\.", "^\\w+@\\w+$", "a|b.c", "^$", "é{2}"];

    private readonly Random random = new(seed);
    private string[] references = ["#/$defs/d"];

    public string Next()
    {
        var defined = Schema(1);
        references = ["#/$defs/d", "#/$defs/e~1f"];
        return new JsonObject
        {
            ["$defs"] = new JsonObject { ["d"] = Tree(), ["e/f"] = defined },
            ["anyOf"] = new JsonArray(Schema(3)),
        }.ToJsonString();
    }

    // Refers to itself behind what may be left out.
    private static JsonObject Tree() => new()
    {
        ["type"] = "object",
        ["properties"] = new JsonObject
        {
            ["value"] = new JsonObject { ["type"] = "integer" },
            ["next"] = new JsonObject { ["$ref"] = "#/$defs/d" },
            ["tags"] = new JsonObject { ["type"] = "array", ["items"] = new JsonObject { ["$ref"] = "#/$defs/d" } },
        },
        ["required"] = new JsonArray("value"),
    };

    private bool Maybe() => random.Next(2) == 0;

    private JsonNode Schema(int depth) => random.Next(depth > 0 ? 16 : 9) switch
    {
        0 => String(),
        1 => new JsonObject { ["type"] = "string", ["pattern"] = Patterns[random.Next(Patterns.Length)] },
        2 => new JsonObject { ["type"] = "string", ["format"] = Pick("date-time", "date", "time", "uuid", "ipv4", "email", "uri") },
        3 => new JsonObject { ["enum"] = new JsonArray("a", "b\n", 1.5, -3, null, true, new JsonObject { ["k"] = new JsonArray(1) }) },
        4 => new JsonObject { ["const"] = JsonNode.Parse(Pick("\"x\"", "7", "[1,[2]]", "{\"a\":{}}"))!, ["title"] = "t" },
        5 => Bounded("integer"),
        6 => Bounded("number"),
        7 => new JsonObject { ["type"] = new JsonArray(Pick("boolean", "string"), Pick("null", "integer"), "number") },
        8 => new JsonObject { ["$ref"] = Pick(references) },
        9 or 10 => Object(depth - 1),
        11 or 12 => Array(depth - 1),
        13 => new JsonObject { ["anyOf"] = new JsonArray(Schema(depth - 1), Schema(depth - 1), Schema(depth - 1)) },
        14 => new JsonObject
        {
            ["oneOf"] = new JsonArray(Kind("p", depth - 1), Kind("q", depth - 1), new JsonObject { ["type"] = "null" }),
        },
        _ => new JsonObject { ["allOf"] = new JsonArray(Schema(depth - 1)), ["description"] = "one" },
    };

    private string Pick(params string[] from) => from[random.Next(from.Length)];

    private JsonObject String()
    {
        var schema = new JsonObject { ["type"] = "string" };
        var min = random.Next(4);
        if (Maybe()) schema["minLength"] = min;
        if (Maybe()) schema["maxLength"] = min + random.Next(6);
        if (random.Next(4) == 0) schema["pattern"] = "^[a-z0-9]*$";
        return schema;
    }

    private JsonObject Bounded(string type)
    {
        var schema = new JsonObject { ["type"] = type };
        var low = type == "integer" ? random.Next(-2000, 2000) : random.Next(-2000, 2000) / 8m;
        if (Maybe()) schema[Pick("minimum", "exclusiveMinimum")] = low;
        if (Maybe()) schema[Pick("maximum", "exclusiveMaximum")] = low + 2 + random.Next(900);
        return schema;
    }

    private JsonObject Object(int depth)
    {
        var names = Names.OrderBy(_ => random.Next()).Take(random.Next(5)).ToList();
        var schema = new JsonObject { ["type"] = "object" };
        if (names.Count > 0 || Maybe())
            schema["properties"] = new JsonObject(names.Select(n => KeyValuePair.Create(n, (JsonNode?)Schema(depth))));
        if (Maybe()) schema["required"] = new JsonArray([.. names.Where(_ => Maybe()).Select(n => (JsonNode)n)]);
        var other = random.Next(4);
        if (other < 3) schema["additionalProperties"] = other == 0 ? Schema(depth) : other == 1;
        return schema;
    }

    private JsonObject Kind(string kind, int depth)
    {
        var schema = Object(depth);
        if (schema["properties"] is not JsonObject) schema["properties"] = new JsonObject();
        schema["properties"]!["kind"] = new JsonObject { ["const"] = kind };
        schema["required"] = new JsonArray("kind");
        return schema;
    }

    private JsonObject Array(int depth)
    {
        var schema = new JsonObject { ["type"] = "array" };
        var prefix = random.Next(3);
        if (prefix > 0) schema["prefixItems"] = new JsonArray([.. Enumerable.Range(0, prefix).Select(_ => Schema(depth))]);
        if (random.Next(3) > 0) schema["items"] = Schema(depth);
        var min = random.Next(3);
        if (Maybe()) schema["minItems"] = min;
        if (Maybe()) schema["maxItems"] = min + random.Next(3);
        return schema;
    }
}
