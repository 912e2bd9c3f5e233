using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>Seeds the default generators of all devices.</summary>
    public static Generator manual_seed(long seed)
    {
        LibTorch.Check(LibTorch.ts_manual_seed(seed));
        return Generator.Default;
    }

    public static class random
    {
        /// <summary>The state of the CPU's default generator: bytes.</summary>
        public static Tensor get_rng_state()
        {
            using var generator = Generator.Default;
            return generator.get_state();
        }

        public static void set_rng_state(Tensor new_state)
        {
            using var generator = Generator.Default;
            generator.set_state(new_state);
        }
    }

    /// <summary>A source of random numbers.</summary>
    public sealed class Generator : IDisposable
    {
        private nint handle;

        public Generator(ulong seed = 0, Device? device = null)
            : this(LibTorch.ts_generator_new((long)seed, (int)(device?.type ?? DeviceType.CPU), device?.index ?? -1)) => this.device = device ?? CPU;

        private Generator(nint handle)
        {
            if (handle == 0) LibTorch.Fail();
            this.handle = handle;
            device = CPU;
        }

        ~Generator() => Release();

        public static Generator Default => new(LibTorch.ts_generator_default());

        public Device device { get; }

        internal nint Handle => handle;

        public Generator manual_seed(long seed)
        {
            LibTorch.Check(LibTorch.ts_generator_seed(handle, seed));
            return this;
        }

        public long initial_seed() => LibTorch.ts_generator_initial_seed(handle);

        public Tensor get_state() => LibTorch.Give(LibTorch.ts_generator_get_state(handle));

        public void set_state(Tensor value) => LibTorch.Check(LibTorch.ts_generator_set_state(handle, value.Handle));

        public void Dispose()
        {
            Release();
            GC.SuppressFinalize(this);
        }

        private void Release()
        {
            if (handle != 0) LibTorch.ts_generator_free(handle);
            handle = 0;
        }
    }
}
