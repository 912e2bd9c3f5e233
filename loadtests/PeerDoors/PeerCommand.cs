namespace Btx.LoadTests.PeerDoors;

/// <summary>How a peer's process is started.</summary>
/// <param name="Peer">Its name, for messages.</param>
internal sealed record PeerCommand(string Peer, string File, IReadOnlyList<string> Arguments)
{
    /// <param name="threads">Of its matrix products.</param>
    /// <param name="slots">Requests that it runs at a time.</param>
    /// <param name="context">Tokens of prompt and answer together; null: the model's own.</param>
    /// <exception cref="LoadTestException">Its program is not built.</exception>
    public static PeerCommand Of(PeerChoice choice, int threads, int slots, int? context)
    {
        var (project, folder) = choice.Kind == PeerKind.GenAI ? ("Btx.Peer.GenAI", "genai") : ("Btx.Peer.LlamaCpp", "llama-cpp");
        // The programs lie beside this one's own folder.
        var program = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", project, "release", project));
        if (!System.IO.File.Exists(program))
            throw new LoadTestException($"--peer {choice}: {program} is not there; run ./btx loadtest, or build it with `dotnet build "
                + $"loadtests/peers/{folder} -c Release`");
        List<string> arguments = ["--model", choice.Place, "--threads", $"{threads}", "--slots", $"{slots}"];
        if (context is { } tokens) arguments.AddRange(["--context", $"{tokens}"]);
        if (choice.Kind == PeerKind.LlamaCpp) arguments.AddRange(["--precision", choice.Precision]);
        return new(choice.Name, program, arguments);
    }
}
