namespace Btx.LoadTests.Clients;

/// <summary>A peer beside the server: <c>genai=DIR</c>, <c>llama.cpp[-fp16]=DIR</c>, <c>dense[-ANY]=SERVED</c>.</summary>
/// <param name="Name">Its points' mode is <c>peer:NAME</c>.</param>
internal sealed record PeerChoice(string Name, PeerKind Kind, string Place, string Precision)
{
    public string Mode => $"peer:{Name}";

    public int Threads { get; init; } = 1;

    public static PeerChoice Parse(string text)
    {
        var (name, said) = text.Split('=', 2) is [var before, var after] ? (before, after) : ("", "");
        var kind = name switch
        {
            "genai" => PeerKind.GenAI,
            "llama.cpp" or "llama.cpp-fp16" => PeerKind.LlamaCpp,
            _ when name == "dense" || name.StartsWith("dense-", StringComparison.Ordinal) => PeerKind.Dense,
            _ => throw new LoadTestException($"--peer {text}: expected genai=DIR, llama.cpp=DIR, llama.cpp-fp16=DIR, dense[-ANY]=SERVED"),
        };
        if (said.Length == 0) throw new LoadTestException($"--peer {text}: which directory?");
        var place = Path.GetFullPath(said);
        string Field(string file, string field, string remedy) =>
            RunJson.ReadField($"--peer {text}", Path.Combine(place, file), field, remedy);
        const string Exported = "name S/weights/EXPERT of `btx export --forest F --out S --genai`",
            Own = "name an expert's own directory, F/experts/EXPERT";
        return new(name, kind, place, kind switch
        {
            PeerKind.GenAI when !File.Exists(Path.Combine(place, "genai_config.json")) =>
                throw new LoadTestException($"--peer {text}: {Path.Combine(place, "genai_config.json")} is not there; {Exported}"),
            PeerKind.GenAI => Field("config.json", "torch_dtype", Exported) == "float16" ? "fp16" : "fp32",
            PeerKind.LlamaCpp when Field("config.json", "model_type", Own) != "llama" =>
                throw new LoadTestException($"--peer {text}: {place} is no Llama model; {Own}"),
            PeerKind.LlamaCpp => name == "llama.cpp" ? "fp32" : "fp16",
            _ => Field("served.json", "precision", "name a served forest of one dense model; `Btx.Peer dense` makes one"),
        });
    }

    public static IReadOnlyList<PeerChoice> ParseAll(IEnumerable<string> values)
    {
        PeerChoice[] choices = [.. values.Select(Parse)];
        return choices.GroupBy(c => c.Name).FirstOrDefault(g => g.Count() > 1) is not { } twice ? choices
            : throw new LoadTestException($"--peer {twice.Last()}: there is a peer {twice.Key} already; a name stands once");
    }

    /// <summary>The program that serves it, and its arguments.</summary>
    public string[] Command(int slots, int context)
    {
        // It lies beside this program's own folder.
        var program = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "Btx.Peer", "release", "Btx.Peer"));
        if (!File.Exists(program))
            throw new LoadTestException($"--peer {this}: {program} is not there; run `dotnet build loadtests/peers -c Release`");
        return [program, Kind == PeerKind.GenAI ? "genai" : "llama.cpp", "--model", Place, "--threads", $"{Threads}", "--slots", $"{slots}",
            .. context > 0 ? ["--context", $"{context}"] : Array.Empty<string>(),
            .. Kind == PeerKind.LlamaCpp ? ["--precision", Precision] : Array.Empty<string>()];
    }

    public override string ToString() => $"{Name}={Place}";
}

/// <summary>ONNX Runtime GenAI's Generator or llama.cpp with one expert, or this server with a dense model.</summary>
internal enum PeerKind { GenAI, LlamaCpp, Dense }
