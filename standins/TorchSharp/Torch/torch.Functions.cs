using TorchSharp.Interop;

namespace TorchSharp;

public static unsafe partial class torch
{
    public static Tensor cat(IList<Tensor> tensors, long dim = 0) => Join(tensors, dim, stacked: false);

    public static Tensor stack(IEnumerable<Tensor> tensors, long dim = 0) => Join([.. tensors], dim, stacked: true);

    public static Tensor where(Tensor condition, Tensor x, Tensor y)
    {
        var result = LibTorch.Give(LibTorch.ts_where(condition.Handle, x.Handle, y.Handle));
        GC.KeepAlive(condition);
        GC.KeepAlive(x);
        GC.KeepAlive(y);
        return result;
    }

    public static Tensor matmul(Tensor input, Tensor target) => input.matmul(target);

    public static Tensor maximum(Tensor input, Tensor other) => input.maximum(other);

    public static Tensor softmax(Tensor input, int dim, ScalarType? dtype = null) => input.softmax(dim, dtype);

    public static Tensor triu(Tensor input, long diagonal = 0) => input.triu(diagonal);

    public static Tensor tril(Tensor input, long diagonal = 0) => input.tril(diagonal);

    public static Tensor rsqrt(Tensor input) => input.rsqrt();

    public static Tensor exp(Tensor input) => input.exp();

    public static Tensor log(Tensor input) => input.log();

    public static (Tensor values, Tensor indices) topk(Tensor tensor, int k, int dim = -1, bool largest = true, bool sorted = true) => tensor.topk(k, dim, largest, sorted);

    private static Tensor Join(IList<Tensor> tensors, long dim, bool stacked)
    {
        var handles = Handles(tensors);
        Tensor result;
        fixed (nint* h = handles) result = LibTorch.Give(stacked ? LibTorch.ts_stack(h, handles.Length, dim) : LibTorch.ts_cat(h, handles.Length, dim));
        GC.KeepAlive(tensors);
        return result;
    }

    internal static nint[] Handles<T>(IList<T> tensors) where T : Tensor
    {
        var handles = new nint[tensors.Count];
        for (var i = 0; i < handles.Length; i++) handles[i] = tensors[i].Handle;
        return handles;
    }
}
