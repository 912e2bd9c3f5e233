using System.Runtime.InteropServices;

namespace TorchSharp.Interop;

// Mirrors native/tensors.cpp: making tensors, asking about them, gradients.
internal static partial class LibTorch
{
    [DllImport(Library)]
    internal static extern void ts_free(nint t);

    [DllImport(Library)]
    internal static extern nint ts_same(nint t);

    [DllImport(Library)]
    internal static extern unsafe nint ts_empty(long* size, int n, int type, int device, int index, bool grad);

    [DllImport(Library)]
    internal static extern unsafe nint ts_zeros(long* size, int n, int type, int device, int index, bool grad);

    [DllImport(Library)]
    internal static extern unsafe nint ts_full(long* size, int n, Number value, int type, int device, int index, bool grad);

    [DllImport(Library)]
    internal static extern unsafe nint ts_rand(long* size, int n, int type, int device, int index, bool grad, nint g);

    [DllImport(Library)]
    internal static extern unsafe nint ts_randn(long* size, int n, int type, int device, int index, bool grad, nint g);

    [DllImport(Library)]
    internal static extern unsafe nint ts_randint(long low, long high, long* size, int n, int type, int device, int index, nint g);

    [DllImport(Library)]
    internal static extern nint ts_arange(Number start, Number stop, Number step, int type, int device, int index);

    [DllImport(Library)]
    internal static extern unsafe nint ts_from_data(nint data, long* size, int n, int source, int type, int device, int index, bool grad);

    [DllImport(Library)]
    internal static extern int ts_dim(nint t);

    [DllImport(Library)]
    internal static extern unsafe void ts_sizes(nint t, long* result);

    [DllImport(Library)]
    internal static extern long ts_numel(nint t);

    [DllImport(Library)]
    internal static extern int ts_dtype(nint t);

    [DllImport(Library)]
    internal static extern long ts_element_size(nint t);

    [DllImport(Library)]
    internal static extern int ts_device_type(nint t);

    [DllImport(Library)]
    internal static extern int ts_device_index(nint t);

    [DllImport(Library)]
    internal static extern bool ts_is_contiguous(nint t);

    [DllImport(Library)]
    internal static extern bool ts_is_leaf(nint t);

    [DllImport(Library)]
    internal static extern nint ts_data(nint t);

    [DllImport(Library)]
    internal static extern unsafe int ts_item(nint t, Number* result);

    [DllImport(Library)]
    internal static extern bool ts_requires_grad(nint t);

    [DllImport(Library)]
    internal static extern int ts_set_requires_grad(nint t, bool value);

    [DllImport(Library)]
    internal static extern nint ts_grad(nint t);

    [DllImport(Library)]
    internal static extern int ts_set_grad(nint t, nint grad);

    [DllImport(Library)]
    internal static extern int ts_backward(nint t, nint grad, bool retain_graph, bool create_graph);

    [DllImport(Library)]
    internal static extern nint ts_detach(nint t);

    [DllImport(Library)]
    internal static extern nint ts_clone(nint t);

    [DllImport(Library)]
    internal static extern nint ts_contiguous(nint t);

    [DllImport(Library)]
    internal static extern nint ts_to(nint t, int type, int device, int index, bool copy, bool non_blocking);

    [DllImport(Library)]
    internal static extern int ts_copy_(nint t, nint source, bool non_blocking);

    [DllImport(Library)]
    internal static extern int ts_zero_(nint t);

    [DllImport(Library)]
    internal static extern int ts_fill_(nint t, Number value);

    [DllImport(Library)]
    internal static extern int ts_normal_(nint t, double mean, double deviation, nint g);

    [DllImport(Library)]
    internal static extern int ts_uniform_(nint t, double low, double high, nint g);

    [DllImport(Library)]
    internal static extern nint ts_multinomial(nint t, long samples, bool replacement, nint g);
}
