using System.Runtime.InteropServices;
using TorchSharp.Interop;
using TorchSharp.Utils;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>A handle to a libtorch tensor. Belongs to the dispose scope it was made in, else to its holder.</summary>
    public partial class Tensor : IDisposable
    {
        private static long totalCount;
        private static long peakCount;
        internal nint handle;

        internal Tensor(nint handle)
        {
            this.handle = handle;
            var total = Interlocked.Increment(ref totalCount);
            if (total > peakCount) peakCount = total;
            OwningDisposeScope = DisposeScopeManager.Innermost;
            OwningDisposeScope?.Include(this);
        }

        ~Tensor() => Release();

        /// <summary>Live tensor handles of the process.</summary>
        public static long TotalCount => Interlocked.Read(ref totalCount);

        public static long PeakCount => peakCount;

        /// <exception cref="InvalidOperationException">The tensor was disposed.</exception>
        public nint Handle => handle != 0 ? handle : throw new InvalidOperationException("Tensor invalid -- empty handle.");

        public bool IsInvalid => handle == 0;

        internal DisposeScope? OwningDisposeScope { get; set; }

        public void Dispose()
        {
            OwningDisposeScope?.Exclude(this);
            OwningDisposeScope = null;
            Release();
            GC.SuppressFinalize(this);
        }

        public Tensor DetachFromDisposeScope()
        {
            OwningDisposeScope?.Detach(this);
            return this;
        }

        public Tensor MoveToOuterDisposeScope()
        {
            OwningDisposeScope?.MoveToOuter(this);
            return this;
        }

        public ScalarType dtype => (ScalarType)LibTorch.ts_dtype(Handle);

        public DeviceType device_type => (DeviceType)LibTorch.ts_device_type(Handle);

        public int device_index => LibTorch.ts_device_index(Handle);

        public Device device => new(device_type, device_index);

        public bool is_cuda => device_type == DeviceType.CUDA;

        public long ndim => LibTorch.ts_dim(Handle);

        public unsafe long[] shape
        {
            get
            {
                var sizes = new long[LibTorch.ts_dim(Handle)];
                fixed (long* s = sizes) LibTorch.ts_sizes(handle, s);
                return sizes;
            }
        }

        public long dim() => ndim;

        public long numel() => LibTorch.ts_numel(Handle);

        public long size(int dim) => shape[dim < 0 ? dim + (int)ndim : dim];

        public long[] size() => shape;

        public long element_size() => LibTorch.ts_element_size(Handle);

        public bool is_contiguous() => LibTorch.ts_is_contiguous(Handle);

        /// <summary>The elements' memory. CPU, contiguous, at most 2 GiB.</summary>
        public unsafe Span<byte> bytes => new(Data(), checked((int)(numel() * element_size())));

        /// <summary>The elements, typed. CPU only.</summary>
        /// <exception cref="ArgumentException">T is not the tensor's element type.</exception>
        public unsafe TensorAccessor<T> data<T>() where T : unmanaged
        {
            if (TypeOf<T>() is { } type && type != dtype) throw new ArgumentException($"{typeof(T).Name} is not compatible with {dtype}");
            return new TensorAccessor<T>(this, (T*)Data(), numel());
        }

        /// <summary>The value of a tensor with one element.</summary>
        /// <exception cref="ArgumentException">It has several.</exception>
        public unsafe T item<T>() where T : unmanaged
        {
            if (numel() != 1) throw new ArgumentException($"Number of elements in the tensor must be 1, but is {numel()}");
            Number value;
            LibTorch.Check(LibTorch.ts_item(handle, &value));
            object boxed = value.Kind == 0 ? value.Integer : value.Real;
            return (T)Convert.ChangeType(boxed, typeof(T));
        }

        public override string ToString() => IsInvalid ? "[disposed]" : $"[{string.Join("x", shape)}], type = {dtype}, device = {device}";

        private unsafe void* Data()
        {
            if (device_type != DeviceType.CPU) throw new InvalidOperationException("Reading data from non-CPU memory is not supported. Move or copy the tensor to the cpu before reading.");
            if (!is_contiguous()) throw new InvalidOperationException("The tensor's elements are not contiguous in memory.");
            var data = LibTorch.ts_data(Handle);
            if (data == 0 && numel() > 0) LibTorch.Fail();
            return (void*)data;
        }

        private static ScalarType? TypeOf<T>() => System.Type.GetTypeCode(typeof(T)) switch
        {
            TypeCode.Single => ScalarType.Float32,
            TypeCode.Double => ScalarType.Float64,
            TypeCode.Int64 => ScalarType.Int64,
            TypeCode.Int32 => ScalarType.Int32,
            TypeCode.Int16 => ScalarType.Int16,
            TypeCode.SByte => ScalarType.Int8,
            TypeCode.Byte => ScalarType.Byte,
            TypeCode.Boolean => ScalarType.Bool,
            _ => typeof(T) == typeof(Half) ? ScalarType.Float16 : null,
        };

        private void Release()
        {
            var released = Interlocked.Exchange(ref handle, 0);
            if (released == 0) return;
            LibTorch.ts_free(released);
            Interlocked.Decrement(ref totalCount);
        }

        // Another object has taken the handle over.
        internal void Abandon()
        {
            handle = 0;
            Interlocked.Decrement(ref totalCount);
            GC.SuppressFinalize(this);
        }

        // The receiver and the operands stay alive until the native call has returned.
        private Tensor Result(nint made)
        {
            var tensor = LibTorch.Give(made);
            GC.KeepAlive(this);
            return tensor;
        }

        private Tensor Result(nint made, Tensor operand, Tensor? second = null)
        {
            var tensor = LibTorch.Give(made);
            GC.KeepAlive(this);
            GC.KeepAlive(operand);
            GC.KeepAlive(second);
            return tensor;
        }

        // An in-place operation gives a new handle to the same tensor, as the package does.
        private Tensor InPlace(int status, Tensor? operand = null, Tensor? second = null)
        {
            LibTorch.Check(status);
            GC.KeepAlive(operand);
            GC.KeepAlive(second);
            return Result(LibTorch.ts_same(handle));
        }
    }
}
