using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public unsafe partial class Tensor
    {
        public Tensor sum(ScalarType? type = null) => Result(LibTorch.ts_sum(Handle, MaybeType(type)));

        public Tensor sum(long dim, bool keepdim = false, ScalarType? type = null) => sum([dim], keepdim, type);

        public Tensor sum(long[] dim, bool keepdim = false, ScalarType? type = null)
        {
            fixed (long* d = dim) return Result(LibTorch.ts_sum_dim(Handle, d, dim.Length, keepdim, MaybeType(type)));
        }

        public Tensor mean() => Result(LibTorch.ts_mean(Handle));

        public Tensor mean(long[] dimensions, bool keepdim = false, ScalarType? type = null)
        {
            fixed (long* d = dimensions) return Result(LibTorch.ts_mean_dim(Handle, d, dimensions.Length, keepdim, MaybeType(type)));
        }

        public Tensor norm(float p = 2.0f) => Result(LibTorch.ts_norm(Handle, p));

        public (Tensor values, Tensor indexes) max(long dim, bool keepdim = false)
        {
            var pair = stackalloc nint[2];
            return Two(LibTorch.ts_max_dim(Handle, dim, keepdim, pair), pair);
        }

        public (Tensor values, Tensor indexes) min(long dim, bool keepdim = false)
        {
            var pair = stackalloc nint[2];
            return Two(LibTorch.ts_min_dim(Handle, dim, keepdim, pair), pair);
        }

        public Tensor argmax() => Result(LibTorch.ts_argmax_all(Handle));

        public Tensor argmax(long dim, bool keepdim = false) => Result(LibTorch.ts_argmax(Handle, dim, keepdim));

        public Tensor softmax(long dim, ScalarType? dtype = null) => Result(LibTorch.ts_softmax(Handle, dim, MaybeType(dtype)));

        public Tensor log_softmax(long dim, ScalarType? dtype = null) => Result(LibTorch.ts_log_softmax(Handle, dim, MaybeType(dtype)));

        public Tensor logsumexp(long dim, bool keepdim = false) => Result(LibTorch.ts_logsumexp(Handle, dim, keepdim));

        public Tensor cumsum(long dim, ScalarType? type = null) => Result(LibTorch.ts_cumsum(Handle, dim, MaybeType(type)));

        public Tensor bincount(Tensor? weights, long minlength = 0)
        {
            var counts = Result(LibTorch.ts_bincount(Handle, weights?.Handle ?? 0, minlength));
            GC.KeepAlive(weights);
            return counts;
        }

        public (Tensor values, Tensor indexes) topk(int k, int dim = -1, bool largest = true, bool sorted = true)
        {
            var pair = stackalloc nint[2];
            return Two(LibTorch.ts_topk(Handle, k, dim, largest, sorted, pair), pair);
        }

        public (Tensor Values, Tensor Indices) sort(long dim = -1, bool descending = false, bool stable = false)
        {
            var pair = stackalloc nint[2];
            return Two(LibTorch.ts_sort(Handle, dim, descending, stable, pair), pair);
        }

        private static int MaybeType(ScalarType? type) => type is { } t ? (int)t : -1;

        private (Tensor, Tensor) Two(int status, nint* pair)
        {
            LibTorch.Check(status);
            return (Result(pair[0]), Result(pair[1]));
        }
    }
}
