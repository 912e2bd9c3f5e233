using Btx.LoadTests.Doors;
using Btx.LoadTests.Sweeps;

namespace Btx.LoadTests.PeerDoors;

/// <summary>
/// The way into a peer's process. It generates greedily and past the end-of-text token
/// whatever a request says, and has one model: routing is
/// not read. A token's time is the peer's own reading of the clock that this program reads too, so nothing on the way counts against it.
/// </summary>
internal sealed class PeerDoor(PeerProcess peer, string name) : IDoor
{
    public string Name => name;

    public Task<ServedModel> DescribeAsync(CancellationToken cancellation) =>
        Task.FromResult(new ServedModel([new(name, "")], null, peer.Description.Context, peer.Description.Precision));

    public Task<DoorAnswer> GenerateAsync(DoorRequest request, TokenArrivals arrivals, CancellationToken cancellation) =>
        peer.GenerateAsync(request, arrivals, cancellation);

    public ValueTask DisposeAsync() => peer.DisposeAsync();
}

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
        // The program lies beside this one's own folder.
        var program = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "Btx.Peer", "release", "Btx.Peer"));
        if (!System.IO.File.Exists(program))
            throw new LoadTestException($"--peer {choice}: {program} is not there; run ./btx loadtest, or build it with "
                + "`dotnet build loadtests/peers -c Release`");
        List<string> arguments = [choice.Kind == PeerKind.GenAI ? "genai" : "llama.cpp", "--model", choice.Place, "--threads", $"{threads}", "--slots", $"{slots}"];
        if (context is { } tokens) arguments.AddRange(["--context", $"{tokens}"]);
        if (choice.Kind == PeerKind.LlamaCpp) arguments.AddRange(["--precision", choice.Precision]);
        return new(choice.Name, program, arguments);
    }
}

/// <summary>What a peer says of itself when it is ready.</summary>
/// <param name="Name">The library and its version.</param>
/// <param name="Threads">Of its matrix products.</param>
/// <param name="Slots">Requests that it runs at a time; others wait in it.</param>
/// <param name="Context">Tokens of prompt and answer together.</param>
/// <param name="Precision">Of its weights.</param>
/// <param name="Batching">How requests share a step.</param>
public sealed record PeerDescription(string Name, int Threads, int Slots, int Context, string Precision, string Batching)
{
    public override string ToString() => $"{Name}, {Precision}, {Threads} {(Threads == 1 ? "thread" : "threads")}, {Slots} "
        + $"{(Slots == 1 ? "slot" : "slots")}; {Batching}";
}

internal enum PeerEventKind
{
    Ready,
    Token,
    Done,
    Error,
}

/// <summary>What a peer is.</summary>
internal enum PeerKind
{
    /// <summary>ONNX Runtime GenAI's Generator, of one expert.</summary>
    GenAI,

    /// <summary>llama.cpp, of one expert.</summary>
    LlamaCpp,

    /// <summary>This project's own server, of a dense model that has as many active parameters as the BTX model.</summary>
    Dense,
}

/// <summary>The peers of a sweep.</summary>
/// <param name="Threads">Of the matrix products of those that are libraries.</param>
/// <param name="Server">Serves the dense models; null: there are none.</param>
internal sealed record PeerRequest(IReadOnlyList<PeerChoice> Choices, int Threads, ServerCommand? Server);
