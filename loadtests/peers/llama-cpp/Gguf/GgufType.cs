namespace Btx.Peers.LlamaCpp.Gguf;

/// <summary>Types of stored tensors, with ggml's numbers.</summary>
internal enum GgufType : uint
{
    F32 = 0,
    F16 = 1,
}
