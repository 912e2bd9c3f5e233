using System.Runtime.InteropServices;

namespace TorchSharp.Interop;

// Mirrors native/runtime.cpp: errors, threads, random numbers, autograd modes, CUDA.
internal static partial class LibTorch
{
    [DllImport(Library)]
    internal static extern nint ts_last_error();

    [DllImport(Library)]
    internal static extern nint ts_version();

    [DllImport(Library)]
    internal static extern void ts_set_num_threads(int count);

    [DllImport(Library)]
    internal static extern int ts_get_num_threads();

    [DllImport(Library)]
    internal static extern bool ts_grad_enabled();

    [DllImport(Library)]
    internal static extern void ts_set_grad_enabled(bool enabled);

    [DllImport(Library)]
    internal static extern nint ts_inference_mode_enter(bool mode);

    [DllImport(Library)]
    internal static extern void ts_inference_mode_leave(nint guard);

    [DllImport(Library)]
    internal static extern int ts_manual_seed(long seed);

    [DllImport(Library)]
    internal static extern nint ts_generator_default();

    [DllImport(Library)]
    internal static extern nint ts_generator_new(long seed, int device_type, int device_index);

    [DllImport(Library)]
    internal static extern void ts_generator_free(nint generator);

    [DllImport(Library)]
    internal static extern int ts_generator_seed(nint generator, long seed);

    [DllImport(Library)]
    internal static extern long ts_generator_initial_seed(nint generator);

    [DllImport(Library)]
    internal static extern nint ts_generator_get_state(nint generator);

    [DllImport(Library)]
    internal static extern int ts_generator_set_state(nint generator, nint state);

    [DllImport(Library)]
    internal static extern bool ts_cuda_is_available();

    [DllImport(Library)]
    internal static extern int ts_cuda_device_count();

    [DllImport(Library)]
    internal static extern int ts_cuda_synchronize(int index);
}
