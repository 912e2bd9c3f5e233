using System.Runtime.InteropServices;
using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public unsafe partial class Tensor
    {
        public Tensor view(params long[] shape)
        {
            fixed (long* s = shape) return Result(LibTorch.ts_view(Handle, s, shape.Length));
        }

        public Tensor reshape(params long[] shape)
        {
            fixed (long* s = shape) return Result(LibTorch.ts_reshape(Handle, s, shape.Length));
        }

        public Tensor permute(params long[] permutation)
        {
            fixed (long* p = permutation) return Result(LibTorch.ts_permute(Handle, p, permutation.Length));
        }

        public Tensor expand(params long[] sizes)
        {
            fixed (long* s = sizes) return Result(LibTorch.ts_expand(Handle, s, sizes.Length));
        }

        public Tensor transpose(long dim0, long dim1) => Result(LibTorch.ts_transpose(Handle, dim0, dim1));

        public Tensor unsqueeze(long dim) => Result(LibTorch.ts_unsqueeze(Handle, dim));

        public Tensor squeeze(long? dim = null) => Result(dim is { } d ? LibTorch.ts_squeeze_dim(Handle, d) : LibTorch.ts_squeeze(Handle));

        public Tensor flatten(long start_dim = 0, long end_dim = -1) => Result(LibTorch.ts_flatten(Handle, start_dim, end_dim));

        public Tensor narrow(long dim, long start, long length) => Result(LibTorch.ts_narrow(Handle, dim, start, length));

        public Tensor slice(long dim, long start, long finish, long step) => Result(LibTorch.ts_slice(Handle, dim, start, finish, step));

        public Tensor select(long dim, long index) => Result(LibTorch.ts_select(Handle, dim, index));

        public Tensor roll(long shifts, long dims) => Result(LibTorch.ts_roll(Handle, shifts, dims));

        public Tensor triu(long diagonal = 0) => Result(LibTorch.ts_triu(Handle, diagonal));

        public Tensor tril(long diagonal = 0) => Result(LibTorch.ts_tril(Handle, diagonal));

        public Tensor[] chunk(long chunks, long dim = 0) => Pieces((receive, list) => LibTorch.ts_chunk(Handle, chunks, dim, (delegate* unmanaged<nint, nint, void>)receive, list));

        public Tensor[] split(long size, int dim = 0) => Pieces((receive, list) => LibTorch.ts_split(Handle, size, dim, (delegate* unmanaged<nint, nint, void>)receive, list));

        public Tensor[] split(long[] sizes, int dim = 0) => Pieces((receive, list) =>
        {
            fixed (long* s = sizes) return LibTorch.ts_split_with_sizes(Handle, s, sizes.Length, dim, (delegate* unmanaged<nint, nint, void>)receive, list);
        });

        public Tensor index_select(long dim, Tensor index) => Result(LibTorch.ts_index_select(Handle, dim, index.Handle), index);

        public Tensor index_add(long dim, Tensor index, Tensor source, Scalar alpha) =>
            Result(LibTorch.ts_index_add(Handle, dim, index.Handle, source.Handle, alpha.Value), index, source);

        public Tensor index_add_(long dim, Tensor index, Tensor source, Scalar alpha) =>
            InPlace(LibTorch.ts_index_add_(Handle, dim, index.Handle, source.Handle, alpha.Value), index, source);

        public Tensor index_copy(long dim, Tensor index, Tensor source) =>
            Result(LibTorch.ts_index_copy(Handle, dim, index.Handle, source.Handle), index, source);

        public Tensor gather(long dim, Tensor index) => Result(LibTorch.ts_gather(Handle, dim, index.Handle), index);

        public Tensor scatter(long dim, Tensor index, Tensor src) => Result(LibTorch.ts_scatter(Handle, dim, index.Handle, src.Handle), index, src);

        public Tensor scatter_(long dim, Tensor index, Tensor src) => InPlace(LibTorch.ts_scatter_(Handle, dim, index.Handle, src.Handle), index, src);

        public Tensor scatter_add(long dim, Tensor index, Tensor src) => Result(LibTorch.ts_scatter_add(Handle, dim, index.Handle, src.Handle), index, src);

        public Tensor scatter_add_(long dim, Tensor index, Tensor src) => InPlace(LibTorch.ts_scatter_add_(Handle, dim, index.Handle, src.Handle), index, src);

        public Tensor masked_fill(Tensor mask, Scalar value) => Result(LibTorch.ts_masked_fill(Handle, mask.Handle, value.Value), mask);

        public Tensor masked_fill_(Tensor mask, Scalar value) => InPlace(LibTorch.ts_masked_fill_(Handle, mask.Handle, value.Value), mask);

        public Tensor masked_select(Tensor mask) => Result(LibTorch.ts_masked_select(Handle, mask.Handle), mask);

        public Tensor nonzero() => Result(LibTorch.ts_nonzero(Handle));

        public Tensor repeat_interleave(long repeats, long? dim = null) => Result(LibTorch.ts_repeat_interleave(Handle, repeats, dim is not null, dim ?? 0));

        private static Tensor[] Pieces(Func<nint, nint, int> call)
        {
            var pieces = new List<Tensor>();
            var list = GCHandle.Alloc(pieces);
            try
            {
                delegate* unmanaged<nint, nint, void> receive = &Receive;
                LibTorch.Check(call((nint)receive, GCHandle.ToIntPtr(list)));
            }
            finally
            {
                list.Free();
            }

            return [.. pieces];
        }

        [UnmanagedCallersOnly]
        private static void Receive(nint list, nint tensor) => ((List<Tensor>)GCHandle.FromIntPtr(list).Target!).Add(new Tensor(tensor));
    }
}
