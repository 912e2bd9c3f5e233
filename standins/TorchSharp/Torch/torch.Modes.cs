using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>What libtorch this runs on, as its own version text.</summary>
    public static string __version__ => System.Runtime.InteropServices.Marshal.PtrToStringUTF8(LibTorch.ts_version())!;

    /// <summary>Until disposed, operations on this thread record no gradients.</summary>
    public static IDisposable no_grad() => new GradientMode(false);

    public static IDisposable enable_grad(bool enabled = true) => new GradientMode(enabled);

    public static bool is_grad_enabled() => LibTorch.ts_grad_enabled();

    public static IDisposable inference_mode(bool mode = true) => new InferenceMode(mode);

    /// <summary>Tensors made on this thread until the scope is disposed are disposed with it.</summary>
    public static DisposeScope NewDisposeScope() => DisposeScopeManager.NewDisposeScope();

    public static void set_num_threads(int num) => LibTorch.ts_set_num_threads(num);

    public static int get_num_threads() => LibTorch.ts_get_num_threads();

    private sealed class GradientMode : IDisposable
    {
        private readonly bool previous = LibTorch.ts_grad_enabled();

        public GradientMode(bool enabled) => LibTorch.ts_set_grad_enabled(enabled);

        public void Dispose() => LibTorch.ts_set_grad_enabled(previous);
    }

    private sealed class InferenceMode(bool mode) : IDisposable
    {
        private nint guard = LibTorch.ts_inference_mode_enter(mode);

        public void Dispose()
        {
            if (guard == 0) return;
            LibTorch.ts_inference_mode_leave(guard);
            guard = 0;
        }
    }
}
