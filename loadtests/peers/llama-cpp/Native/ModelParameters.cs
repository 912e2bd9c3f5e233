using System.Runtime.InteropServices;

namespace Btx.Peers.LlamaCpp.Native;

/// <summary><c>llama_model_params</c> of llama.cpp v0.5.0; what is not named keeps the library's default.</summary>
[StructLayout(LayoutKind.Explicit, Size = 80)]
internal struct ModelParameters
{
    [FieldOffset(16)] public int GpuLayers;
}
