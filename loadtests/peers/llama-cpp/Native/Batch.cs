using System.Runtime.InteropServices;

namespace Btx.Peers.LlamaCpp.Native;

/// <summary><c>llama_batch</c>: tokens, each with its position, its sequence, and whether its logits are wanted.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct Batch
{
    public int Count;
    public int* Token;
    public float* Embedding;
    public int* Position;
    public int* SequenceCount;
    public int** Sequence;
    public sbyte* Logits;

    public void Add(int token, int position, int sequence, bool logits)
    {
        Token[Count] = token;
        Position[Count] = position;
        SequenceCount[Count] = 1;
        Sequence[Count][0] = sequence;
        Logits[Count] = logits ? (sbyte)1 : (sbyte)0;
        Count++;
    }
}
