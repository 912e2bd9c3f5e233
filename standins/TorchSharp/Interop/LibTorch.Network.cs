using System.Runtime.InteropServices;

namespace TorchSharp.Interop;

// Mirrors native/network.cpp: layers' functions and the optimiser's steps.
internal static partial class LibTorch
{
    [DllImport(Library)]
    internal static extern nint ts_linear(nint input, nint weight, nint bias);

    [DllImport(Library)]
    internal static extern nint ts_one_hot(nint t, long classes);

    [DllImport(Library)]
    internal static extern nint ts_dropout(nint t, double p, bool training);

    [DllImport(Library)]
    internal static extern nint ts_cross_entropy(nint input, nint target, nint weight, long ignore_index, long reduction, double smoothing);

    [DllImport(Library)]
    internal static extern nint ts_attention(nint q, nint k, nint v, nint mask, double p, bool causal);

    [DllImport(Library)]
    internal static extern unsafe int ts_clip_grad_norm_(nint* parameters, int n, double max_norm, double norm_type, double* total);

    [DllImport(Library)]
    internal static extern unsafe int ts_adamw_(nint* parameters, nint* first, nint* second, nint* maximum, long* steps, int n, double lr, double beta1, double beta2, double eps, double weight_decay, bool maximize);
}
