namespace Btx.LoadTests.PeerDoors;

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
