using System.Text.Json;

namespace Btx.LoadTests.PeerDoors;

/// <summary>A peer that a sweep measures beside the server: <c>genai=DIR</c>, <c>llama.cpp=DIR</c>, <c>llama.cpp-fp16=DIR</c>,
/// <c>dense=SERVED</c>, <c>dense-ANY=SERVED</c>.</summary>
/// <param name="Name">Its points' mode is <c>peer:NAME</c>.</param>
/// <param name="Place">A directory.</param>
/// <param name="Precision">Of its weights.</param>
internal sealed record PeerChoice(string Name, PeerKind Kind, string Place, string Precision)
{
    public const string ModePrefix = "peer:";

    public string Mode => ModePrefix + Name;

    /// <exception cref="LoadTestException">It cannot be read, or its directory is not what it has to be.</exception>
    public static PeerChoice Parse(string text)
    {
        var at = text.IndexOf('=', StringComparison.Ordinal);
        var name = at > 0 ? text[..at] : "";
        PeerKind kind = name switch
        {
            "genai" => PeerKind.GenAI,
            "llama.cpp" or "llama.cpp-fp16" => PeerKind.LlamaCpp,
            _ when name == "dense" || name.StartsWith("dense-", StringComparison.Ordinal) => PeerKind.Dense,
            _ =>
                throw new LoadTestException($"--peer {text}: expected genai=DIR, llama.cpp=DIR, "
                    + "llama.cpp-fp16=DIR, dense=SERVED or dense-ANY=SERVED"),
        };
        if (at == text.Length - 1) throw new LoadTestException($"--peer {text}: which directory?");
        var place = Path.GetFullPath(text[(at + 1)..]);
        var precision = kind switch
        {
            PeerKind.GenAI => Field(text, place, ["genai_config.json", "config.json"], "torch_dtype",
                "name S/weights/EXPERT of `btx export --forest F --out S --genai`") == "float16" ? "fp16" : "fp32",
            PeerKind.LlamaCpp =>
                Field(text, place, ["config.json"], "model_type", "name an expert's own directory, F/experts/EXPERT") == "llama"
                ? name == "llama.cpp" ? "fp32" : "fp16"
                : throw new LoadTestException(
                $"--peer {text}: {place} is no Llama model; name an expert's own directory, F/experts/EXPERT"),
            _ => Field(text, place, ["served.json"], "precision",
                "name a served forest of one dense model; `Btx.Peer dense` makes one (loadtests/peers)"),
        };
        return new(name, kind, place, precision);
    }

    /// <summary>Each of <paramref name="values"/>.</summary>
    /// <exception cref="LoadTestException">One cannot be read, or two have one name.</exception>
    public static IReadOnlyList<PeerChoice> ParseAll(IEnumerable<string> values)
    {
        var choices = new List<PeerChoice>();
        foreach (var choice in values.Select(Parse))
        {
            if (choices.Any(c => c.Name == choice.Name))
                throw new LoadTestException($"--peer {choice}: there is a peer {choice.Name} already; a name stands once");
            choices.Add(choice);
        }

        return choices;
    }

    /// <param name="files">All must be there; the last one has the field.</param>
    private static string Field(string text, string place, string[] files, string field, string remedy)
    {
        foreach (var file in files)
        {
            if (!File.Exists(Path.Combine(place, file)))
                throw new LoadTestException($"--peer {text}: {Path.Combine(place, file)} is not there; {remedy}");
        }

        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(place, files[^1])));
            return json.RootElement.GetProperty(field).GetString() ?? "";
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or IOException
            or UnauthorizedAccessException)
        {
            throw new LoadTestException($"--peer {text}: {Path.Combine(place, files[^1])} cannot be read: "
                + $"{e.Message.ReplaceLineEndings(" ")}",
                e);
        }
    }

    public override string ToString() => $"{Name}={Place}";
}
