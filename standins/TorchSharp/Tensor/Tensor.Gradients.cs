using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public bool requires_grad
        {
            get => LibTorch.ts_requires_grad(Handle);
            set => LibTorch.Check(LibTorch.ts_set_requires_grad(Handle, value));
        }

        public bool is_leaf => LibTorch.ts_is_leaf(Handle);

        /// <summary>The gradient, a new handle at each call; null before the first backward pass.</summary>
        public Tensor? grad
        {
            get
            {
                var gradient = LibTorch.ts_grad(Handle);
                return gradient == 0 ? null : new Tensor(gradient);
            }

            set => LibTorch.Check(LibTorch.ts_set_grad(Handle, value?.Handle ?? 0));
        }

        public Tensor requires_grad_(bool requires_grad = true)
        {
            this.requires_grad = requires_grad;
            return this;
        }

        public void backward() => LibTorch.Check(LibTorch.ts_backward(Handle, 0, false, false));

        public void backward(IList<Tensor>? grad_tensors = null, bool retain_graph = false, bool create_graph = false)
        {
            LibTorch.Check(LibTorch.ts_backward(Handle, grad_tensors is { Count: > 0 } ? grad_tensors[0].Handle : 0, retain_graph, create_graph));
            GC.KeepAlive(grad_tensors);
        }

        public Tensor detach() => Result(LibTorch.ts_detach(Handle));

        public Tensor clone() => Result(LibTorch.ts_clone(Handle));

        /// <summary>A new handle to the same tensor.</summary>
        public Tensor alias() => Result(LibTorch.ts_same(Handle));

        public Tensor contiguous() => Result(LibTorch.ts_contiguous(Handle));

        public Tensor copy_(Tensor source, bool nonBlocking = false) => InPlace(LibTorch.ts_copy_(Handle, source.Handle, nonBlocking), source);

        public Tensor to(ScalarType type, bool copy = false, bool disposeAfter = false, bool non_blocking = false) => to(type, device, copy, disposeAfter, non_blocking);

        public Tensor to(Device device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) => to(dtype, device, copy, disposeAfter, non_blocking);

        public Tensor to(ScalarType type, Device device, bool copy = false, bool disposeAfter = false, bool non_blocking = false)
        {
            var moved = Result(LibTorch.ts_to(Handle, (int)type, Kind(device), Index(device), copy, non_blocking));
            if (disposeAfter) Dispose();
            return moved;
        }

        public Tensor to_type(ScalarType type, bool copy = false, bool disposeAfter = false, bool non_blocking = false) => to(type, copy, disposeAfter, non_blocking);

        public Tensor cpu(bool disposeAfter = false) => to(CPU, false, disposeAfter);

        public Tensor cuda(Device? device = null, bool disposeAfter = false, bool non_blocking = false) => to(device ?? CUDA, false, disposeAfter, non_blocking);
    }
}
