using System.Runtime.InteropServices;

namespace TorchSharp.Interop;

// Mirrors native/shape.cpp: views, joining, indexing.
internal static partial class LibTorch
{
    [DllImport(Library)]
    internal static extern unsafe nint ts_view(nint t, long* shape, int n);

    [DllImport(Library)]
    internal static extern unsafe nint ts_reshape(nint t, long* shape, int n);

    [DllImport(Library)]
    internal static extern unsafe nint ts_permute(nint t, long* order, int n);

    [DllImport(Library)]
    internal static extern unsafe nint ts_expand(nint t, long* sizes, int n);

    [DllImport(Library)]
    internal static extern nint ts_transpose(nint t, long a, long b);

    [DllImport(Library)]
    internal static extern nint ts_unsqueeze(nint t, long dim);

    [DllImport(Library)]
    internal static extern nint ts_squeeze(nint t);

    [DllImport(Library)]
    internal static extern nint ts_squeeze_dim(nint t, long dim);

    [DllImport(Library)]
    internal static extern nint ts_flatten(nint t, long start, long end);

    [DllImport(Library)]
    internal static extern nint ts_narrow(nint t, long dim, long start, long length);

    [DllImport(Library)]
    internal static extern nint ts_slice(nint t, long dim, long start, long finish, long step);

    [DllImport(Library)]
    internal static extern nint ts_select(nint t, long dim, long index);

    [DllImport(Library)]
    internal static extern nint ts_roll(nint t, long shift, long dim);

    [DllImport(Library)]
    internal static extern nint ts_triu(nint t, long diagonal);

    [DllImport(Library)]
    internal static extern nint ts_tril(nint t, long diagonal);

    [DllImport(Library)]
    internal static extern unsafe nint ts_cat(nint* tensors, int n, long dim);

    [DllImport(Library)]
    internal static extern unsafe nint ts_stack(nint* tensors, int n, long dim);

    [DllImport(Library)]
    internal static extern nint ts_index_select(nint t, long dim, nint index);

    [DllImport(Library)]
    internal static extern nint ts_index_add(nint t, long dim, nint index, nint source, Number alpha);

    [DllImport(Library)]
    internal static extern int ts_index_add_(nint t, long dim, nint index, nint source, Number alpha);

    [DllImport(Library)]
    internal static extern nint ts_index_copy(nint t, long dim, nint index, nint source);

    [DllImport(Library)]
    internal static extern nint ts_gather(nint t, long dim, nint index);

    [DllImport(Library)]
    internal static extern nint ts_scatter(nint t, long dim, nint index, nint source);

    [DllImport(Library)]
    internal static extern int ts_scatter_(nint t, long dim, nint index, nint source);

    [DllImport(Library)]
    internal static extern nint ts_scatter_add(nint t, long dim, nint index, nint source);

    [DllImport(Library)]
    internal static extern int ts_scatter_add_(nint t, long dim, nint index, nint source);

    [DllImport(Library)]
    internal static extern nint ts_masked_fill(nint t, nint mask, Number value);

    [DllImport(Library)]
    internal static extern int ts_masked_fill_(nint t, nint mask, Number value);

    [DllImport(Library)]
    internal static extern nint ts_masked_select(nint t, nint mask);

    [DllImport(Library)]
    internal static extern nint ts_nonzero(nint t);

    [DllImport(Library)]
    internal static extern nint ts_repeat_interleave(nint t, long repeats, bool has_dim, long dim);

    [DllImport(Library)]
    internal static extern unsafe int ts_chunk(nint t, long chunks, long dim, delegate* unmanaged<nint, nint, void> receive, nint context);

    [DllImport(Library)]
    internal static extern unsafe int ts_split(nint t, long size, long dim, delegate* unmanaged<nint, nint, void> receive, nint context);

    [DllImport(Library)]
    internal static extern unsafe int ts_split_with_sizes(nint t, long* sizes, int n, long dim, delegate* unmanaged<nint, nint, void> receive, nint context);
}
