namespace Btx.Peers;

/// <summary>What answers, said once when it is ready.</summary>
/// <param name="Name">The library and its version.</param>
/// <param name="Slots">Requests that it runs at a time.</param>
/// <param name="Context">Tokens of prompt and answer together.</param>
/// <param name="Batching">How requests share a step, in words.</param>
internal sealed record PeerDescription(string Name, int Threads, int Slots, int Context, int Vocabulary, string Precision, string Batching);
