using TorchSharp.Interop;

namespace TorchSharp;

public static unsafe partial class torch
{
    public static partial class nn
    {
        public static class utils
        {
            /// <summary>Scales all gradients so that their joint norm is at most <paramref name="max_norm"/>.</summary>
            /// <returns>The norm before.</returns>
            public static double clip_grad_norm_(IEnumerable<Modules.Parameter> tensors, double max_norm, double norm_type = 2.0)
            {
                var parameters = tensors as IList<Modules.Parameter> ?? [.. tensors];
                double total;
                fixed (nint* p = Handles(parameters)) LibTorch.Check(LibTorch.ts_clip_grad_norm_(p, parameters.Count, max_norm, norm_type, &total));
                GC.KeepAlive(parameters);
                return total;
            }
        }
    }
}
