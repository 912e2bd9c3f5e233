using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public static class functional
        {
            public static Tensor silu(Tensor x, bool inplace = false)
            {
                if (!inplace) return x.silu();
                using var value = x.silu();
                return x.copy_(value);
            }

            public static Tensor softmax(Tensor input, long dim, ScalarType? dtype = null) => input.softmax(dim, dtype);

            /// <summary>input [..., in] times weights [out, in] transposed, plus bias [out].</summary>
            public static Tensor linear(Tensor input, Tensor weights, Tensor? bias = null)
            {
                var result = LibTorch.Give(LibTorch.ts_linear(input.Handle, weights.Handle, bias?.Handle ?? 0));
                Keep(input, weights, bias);
                return result;
            }

            public static Tensor dropout(Tensor input, double p = 0.5, bool training = true, bool inplace = false)
            {
                if (inplace) throw new ArgumentException("dropout in place is not in this stand-in");
                var result = LibTorch.Give(LibTorch.ts_dropout(input.Handle, p, training));
                Keep(input);
                return result;
            }

            public static Tensor one_hot(Tensor x, long num_classes = -1)
            {
                var result = LibTorch.Give(LibTorch.ts_one_hot(x.Handle, num_classes));
                Keep(x);
                return result;
            }

            /// <param name="input">Logits [N, C].</param>
            /// <param name="target">Classes [N], int64; <paramref name="ignore_index"/> counts for nothing.</param>
            public static Tensor cross_entropy(Tensor input, Tensor target, Tensor? weight = null, long ignore_index = -100, Reduction reduction = Reduction.Mean, double label_smoothing = 0)
            {
                var result = LibTorch.Give(LibTorch.ts_cross_entropy(input.Handle, target.Handle, weight?.Handle ?? 0, ignore_index, (long)reduction, label_smoothing));
                Keep(input, target, weight);
                return result;
            }

            /// <summary>softmax(q k^T / sqrt(d)) v; query, key and value [..., T, d]. <paramref name="is_casual"/> is the package's spelling.</summary>
            public static Tensor scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask = null, double p = 0, bool is_casual = false)
            {
                var result = LibTorch.Give(LibTorch.ts_attention(query.Handle, key.Handle, value.Handle, attn_mask?.Handle ?? 0, p, is_casual));
                Keep(query, key, value);
                GC.KeepAlive(attn_mask);
                return result;
            }

            // The operands stay alive until the native call has returned.
            private static void Keep(Tensor a, Tensor? b = null, Tensor? c = null)
            {
                GC.KeepAlive(a);
                GC.KeepAlive(b);
                GC.KeepAlive(c);
            }
        }
    }
}
