using System.Runtime.InteropServices;

namespace TorchSharp.Interop;

// Mirrors native/arithmetic.cpp: element-wise arithmetic, comparisons, reductions.
internal static partial class LibTorch
{
    [DllImport(Library)]
    internal static extern nint ts_neg(nint a);

    [DllImport(Library)]
    internal static extern nint ts_exp(nint a);

    [DllImport(Library)]
    internal static extern nint ts_log(nint a);

    [DllImport(Library)]
    internal static extern nint ts_sqrt(nint a);

    [DllImport(Library)]
    internal static extern nint ts_rsqrt(nint a);

    [DllImport(Library)]
    internal static extern nint ts_abs(nint a);

    [DllImport(Library)]
    internal static extern nint ts_cos(nint a);

    [DllImport(Library)]
    internal static extern nint ts_sin(nint a);

    [DllImport(Library)]
    internal static extern nint ts_sigmoid(nint a);

    [DllImport(Library)]
    internal static extern nint ts_silu(nint a);

    [DllImport(Library)]
    internal static extern nint ts_isfinite(nint a);

    [DllImport(Library)]
    internal static extern nint ts_isnan(nint a);

    [DllImport(Library)]
    internal static extern nint ts_all(nint a);

    [DllImport(Library)]
    internal static extern nint ts_any(nint a);

    [DllImport(Library)]
    internal static extern nint ts_sub(nint a, nint b);

    [DllImport(Library)]
    internal static extern nint ts_mul(nint a, nint b);

    [DllImport(Library)]
    internal static extern nint ts_div(nint a, nint b);

    [DllImport(Library)]
    internal static extern nint ts_maximum(nint a, nint b);

    [DllImport(Library)]
    internal static extern nint ts_matmul(nint a, nint b);

    [DllImport(Library)]
    internal static extern nint ts_mm(nint a, nint b);

    [DllImport(Library)]
    internal static extern nint ts_bmm(nint a, nint b);

    [DllImport(Library)]
    internal static extern nint ts_outer(nint a, nint b);

    [DllImport(Library)]
    internal static extern nint ts_pow(nint a, nint b);

    [DllImport(Library)]
    internal static extern nint ts_eq(nint a, nint b);

    [DllImport(Library)]
    internal static extern nint ts_ne(nint a, nint b);

    [DllImport(Library)]
    internal static extern nint ts_lt(nint a, nint b);

    [DllImport(Library)]
    internal static extern nint ts_le(nint a, nint b);

    [DllImport(Library)]
    internal static extern nint ts_gt(nint a, nint b);

    [DllImport(Library)]
    internal static extern nint ts_ge(nint a, nint b);

    [DllImport(Library)]
    internal static extern nint ts_add_scalar(nint a, Number b);

    [DllImport(Library)]
    internal static extern nint ts_sub_scalar(nint a, Number b);

    [DllImport(Library)]
    internal static extern nint ts_rsub_scalar(nint a, Number b);

    [DllImport(Library)]
    internal static extern nint ts_mul_scalar(nint a, Number b);

    [DllImport(Library)]
    internal static extern nint ts_div_scalar(nint a, Number b);

    [DllImport(Library)]
    internal static extern nint ts_rdiv_scalar(nint a, Number b);

    [DllImport(Library)]
    internal static extern nint ts_pow_scalar(nint a, Number b);

    [DllImport(Library)]
    internal static extern nint ts_eq_scalar(nint a, Number b);

    [DllImport(Library)]
    internal static extern nint ts_ne_scalar(nint a, Number b);

    [DllImport(Library)]
    internal static extern nint ts_lt_scalar(nint a, Number b);

    [DllImport(Library)]
    internal static extern nint ts_le_scalar(nint a, Number b);

    [DllImport(Library)]
    internal static extern nint ts_gt_scalar(nint a, Number b);

    [DllImport(Library)]
    internal static extern nint ts_ge_scalar(nint a, Number b);

    [DllImport(Library)]
    internal static extern int ts_sub_(nint a, nint b);

    [DllImport(Library)]
    internal static extern int ts_mul_(nint a, nint b);

    [DllImport(Library)]
    internal static extern int ts_div_(nint a, nint b);

    [DllImport(Library)]
    internal static extern int ts_add_scalar_(nint a, Number b);

    [DllImport(Library)]
    internal static extern int ts_sub_scalar_(nint a, Number b);

    [DllImport(Library)]
    internal static extern int ts_mul_scalar_(nint a, Number b);

    [DllImport(Library)]
    internal static extern int ts_div_scalar_(nint a, Number b);

    [DllImport(Library)]
    internal static extern nint ts_add(nint a, nint b, Number alpha);

    [DllImport(Library)]
    internal static extern int ts_add_(nint a, nint b, Number alpha);

    [DllImport(Library)]
    internal static extern int ts_addcmul_(nint a, nint b, nint c, Number value);

    [DllImport(Library)]
    internal static extern int ts_addcdiv_(nint a, nint b, nint c, Number value);

    [DllImport(Library)]
    internal static extern nint ts_addcmul(nint a, nint b, nint c, Number value);

    [DllImport(Library)]
    internal static extern int ts_lerp_(nint a, nint end, nint weight);

    [DllImport(Library)]
    internal static extern nint ts_clamp(nint a, bool has_min, Number low, bool has_max, Number high);

    [DllImport(Library)]
    internal static extern nint ts_where(nint condition, nint a, nint b);

    [DllImport(Library)]
    internal static extern unsafe bool ts_allclose(nint a, nint b, double rtol, double atol, bool equal_nan, int* failed);

    [DllImport(Library)]
    internal static extern nint ts_sum(nint t, int type);

    [DllImport(Library)]
    internal static extern unsafe nint ts_sum_dim(nint t, long* dim, int n, bool keep, int type);

    [DllImport(Library)]
    internal static extern nint ts_mean(nint t);

    [DllImport(Library)]
    internal static extern unsafe nint ts_mean_dim(nint t, long* dim, int n, bool keep, int type);

    [DllImport(Library)]
    internal static extern nint ts_norm(nint t, double p);

    [DllImport(Library)]
    internal static extern nint ts_softmax(nint t, long dim, int type);

    [DllImport(Library)]
    internal static extern nint ts_log_softmax(nint t, long dim, int type);

    [DllImport(Library)]
    internal static extern nint ts_logsumexp(nint t, long dim, bool keep);

    [DllImport(Library)]
    internal static extern nint ts_cumsum(nint t, long dim, int type);

    [DllImport(Library)]
    internal static extern nint ts_argmax(nint t, long dim, bool keep);

    [DllImport(Library)]
    internal static extern nint ts_argmax_all(nint t);

    [DllImport(Library)]
    internal static extern nint ts_bincount(nint t, nint weights, long minimum);

    [DllImport(Library)]
    internal static extern unsafe int ts_max_dim(nint t, long dim, bool keep, nint* result);

    [DllImport(Library)]
    internal static extern unsafe int ts_min_dim(nint t, long dim, bool keep, nint* result);

    [DllImport(Library)]
    internal static extern unsafe int ts_topk(nint t, long k, long dim, bool largest, bool sorted, nint* result);

    [DllImport(Library)]
    internal static extern unsafe int ts_sort(nint t, long dim, bool descending, bool stable, nint* result);
}
