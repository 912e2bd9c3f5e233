namespace Btx.LoadTests.PeerDoors;

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
