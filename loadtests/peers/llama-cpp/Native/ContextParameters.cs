using System.Runtime.InteropServices;

namespace Btx.Peers.LlamaCpp.Native;

/// <summary><c>llama_context_params</c> of llama.cpp v0.5.0; what is not named keeps the library's default.</summary>
[StructLayout(LayoutKind.Explicit, Size = 160)]
internal struct ContextParameters
{
    /// <summary>Tokens of all sequences together.</summary>
    [FieldOffset(0)] public uint Context;

    /// <summary>Tokens of one call, and of one pass inside it.</summary>
    [FieldOffset(4)] public uint Batch;

    [FieldOffset(8)] public uint MicroBatch;

    [FieldOffset(12)] public uint Sequences;

    [FieldOffset(28)] public int Threads;

    [FieldOffset(32)] public int ThreadsOfBatch;

    /// <summary>1: on; 0: off; -1: as the library sees fit.</summary>
    [FieldOffset(52)] public int FlashAttention;

    /// <summary>Types of the key and value cache, ggml's numbers.</summary>
    [FieldOffset(104)] public int TypeK;

    [FieldOffset(108)] public int TypeV;
}
