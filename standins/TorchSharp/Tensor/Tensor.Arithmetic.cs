using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        private static readonly Scalar One = 1;

        public static Tensor operator +(Tensor left, Tensor right) => left.add(right);

        public static Tensor operator +(Tensor left, Scalar right) => left.add(right);

        public static Tensor operator +(Scalar left, Tensor right) => right.add(left);

        public static Tensor operator -(Tensor left, Tensor right) => left.sub(right);

        public static Tensor operator -(Tensor left, Scalar right) => left.sub(right);

        public static Tensor operator -(Scalar left, Tensor right) => right.Result(LibTorch.ts_rsub_scalar(right.Handle, left.Value));

        public static Tensor operator -(Tensor tensor) => tensor.neg();

        public static Tensor operator *(Tensor left, Tensor right) => left.mul(right);

        public static Tensor operator *(Tensor left, Scalar right) => left.mul(right);

        public static Tensor operator *(Scalar left, Tensor right) => right.mul(left);

        public static Tensor operator /(Tensor left, Tensor right) => left.div(right);

        public static Tensor operator /(Tensor left, Scalar right) => left.div(right);

        public static Tensor operator /(Scalar left, Tensor right) => right.Result(LibTorch.ts_rdiv_scalar(right.Handle, left.Value));

        public Tensor add(Tensor target) => add(target, One);

        public Tensor add(Tensor target, Scalar alpha) => Result(LibTorch.ts_add(Handle, target.Handle, alpha.Value), target);

        public Tensor add(Scalar scalar) => Result(LibTorch.ts_add_scalar(Handle, scalar.Value));

        public Tensor add_(Tensor target) => add_(target, One);

        public Tensor add_(Tensor target, Scalar alpha) => InPlace(LibTorch.ts_add_(Handle, target.Handle, alpha.Value), target);

        public Tensor add_(Scalar scalar) => InPlace(LibTorch.ts_add_scalar_(Handle, scalar.Value));

        public Tensor sub(Tensor target) => Result(LibTorch.ts_sub(Handle, target.Handle), target);

        public Tensor sub(Scalar scalar) => Result(LibTorch.ts_sub_scalar(Handle, scalar.Value));

        public Tensor sub_(Tensor target) => InPlace(LibTorch.ts_sub_(Handle, target.Handle), target);

        public Tensor sub_(Scalar scalar) => InPlace(LibTorch.ts_sub_scalar_(Handle, scalar.Value));

        public Tensor mul(Tensor target) => Result(LibTorch.ts_mul(Handle, target.Handle), target);

        public Tensor mul(Scalar target) => Result(LibTorch.ts_mul_scalar(Handle, target.Value));

        public Tensor mul_(Tensor target) => InPlace(LibTorch.ts_mul_(Handle, target.Handle), target);

        public Tensor mul_(Scalar target) => InPlace(LibTorch.ts_mul_scalar_(Handle, target.Value));

        public Tensor div(Tensor target) => Result(LibTorch.ts_div(Handle, target.Handle), target);

        public Tensor div(Scalar target) => Result(LibTorch.ts_div_scalar(Handle, target.Value));

        public Tensor div_(Tensor target) => InPlace(LibTorch.ts_div_(Handle, target.Handle), target);

        public Tensor div_(Scalar target) => InPlace(LibTorch.ts_div_scalar_(Handle, target.Value));

        public Tensor pow(Tensor exponent) => Result(LibTorch.ts_pow(Handle, exponent.Handle), exponent);

        public Tensor pow(Scalar exponent) => Result(LibTorch.ts_pow_scalar(Handle, exponent.Value));

        public Tensor addcmul(Tensor tensor1, Tensor tensor2, Scalar value) => Result(LibTorch.ts_addcmul(Handle, tensor1.Handle, tensor2.Handle, value.Value), tensor1, tensor2);

        public Tensor addcmul_(Tensor tensor1, Tensor tensor2, Scalar value) => InPlace(LibTorch.ts_addcmul_(Handle, tensor1.Handle, tensor2.Handle, value.Value), tensor1, tensor2);

        public Tensor addcdiv_(Tensor tensor1, Tensor tensor2, Scalar value) => InPlace(LibTorch.ts_addcdiv_(Handle, tensor1.Handle, tensor2.Handle, value.Value), tensor1, tensor2);

        public Tensor lerp_(Tensor end, Tensor weight) => InPlace(LibTorch.ts_lerp_(Handle, end.Handle, weight.Handle), end, weight);

        public Tensor neg() => Result(LibTorch.ts_neg(Handle));

        public Tensor exp() => Result(LibTorch.ts_exp(Handle));

        public Tensor log() => Result(LibTorch.ts_log(Handle));

        public Tensor sqrt() => Result(LibTorch.ts_sqrt(Handle));

        public Tensor rsqrt() => Result(LibTorch.ts_rsqrt(Handle));

        public Tensor abs() => Result(LibTorch.ts_abs(Handle));

        public Tensor cos() => Result(LibTorch.ts_cos(Handle));

        public Tensor sin() => Result(LibTorch.ts_sin(Handle));

        public Tensor sigmoid() => Result(LibTorch.ts_sigmoid(Handle));

        public Tensor silu() => Result(LibTorch.ts_silu(Handle));

        public Tensor isfinite() => Result(LibTorch.ts_isfinite(Handle));

        public Tensor isnan() => Result(LibTorch.ts_isnan(Handle));

        public Tensor all() => Result(LibTorch.ts_all(Handle));

        public Tensor any() => Result(LibTorch.ts_any(Handle));

        public Tensor clamp(Scalar? min = null, Scalar? max = null) =>
            Result(LibTorch.ts_clamp(Handle, min is not null, min?.Value ?? default, max is not null, max?.Value ?? default));

        public Tensor maximum(Tensor other) => Result(LibTorch.ts_maximum(Handle, other.Handle), other);

        public Tensor eq(Tensor target) => Result(LibTorch.ts_eq(Handle, target.Handle), target);

        public Tensor eq(Scalar target) => Result(LibTorch.ts_eq_scalar(Handle, target.Value));

        public Tensor ne(Tensor target) => Result(LibTorch.ts_ne(Handle, target.Handle), target);

        public Tensor ne(Scalar target) => Result(LibTorch.ts_ne_scalar(Handle, target.Value));

        public Tensor lt(Tensor target) => Result(LibTorch.ts_lt(Handle, target.Handle), target);

        public Tensor lt(Scalar target) => Result(LibTorch.ts_lt_scalar(Handle, target.Value));

        public Tensor le(Tensor target) => Result(LibTorch.ts_le(Handle, target.Handle), target);

        public Tensor le(Scalar target) => Result(LibTorch.ts_le_scalar(Handle, target.Value));

        public Tensor gt(Tensor target) => Result(LibTorch.ts_gt(Handle, target.Handle), target);

        public Tensor gt(Scalar target) => Result(LibTorch.ts_gt_scalar(Handle, target.Value));

        public Tensor ge(Tensor target) => Result(LibTorch.ts_ge(Handle, target.Handle), target);

        public Tensor ge(Scalar target) => Result(LibTorch.ts_ge_scalar(Handle, target.Value));

        public Tensor matmul(Tensor target) => Result(LibTorch.ts_matmul(Handle, target.Handle), target);

        public Tensor mm(Tensor target) => Result(LibTorch.ts_mm(Handle, target.Handle), target);

        public Tensor bmm(Tensor batch2) => Result(LibTorch.ts_bmm(Handle, batch2.Handle), batch2);

        public Tensor outer(Tensor vec2) => Result(LibTorch.ts_outer(Handle, vec2.Handle), vec2);

        public unsafe bool allclose(Tensor target, double rtol = 1e-5, double atol = 1e-8, bool equal_nan = false)
        {
            int failed;
            var close = LibTorch.ts_allclose(Handle, target.Handle, rtol, atol, equal_nan, &failed);
            LibTorch.Check(failed);
            GC.KeepAlive(target);
            return close;
        }

        public Tensor zero_() => InPlace(LibTorch.ts_zero_(Handle));

        public Tensor fill_(Scalar value) => InPlace(LibTorch.ts_fill_(Handle, value.Value));

        public Tensor normal_(double mean = 0, double stddev = 1, Generator? generator = null) => InPlace(LibTorch.ts_normal_(Handle, mean, stddev, generator?.Handle ?? 0));

        public Tensor uniform_(double from, double to, Generator? generator = null) => InPlace(LibTorch.ts_uniform_(Handle, from, to, generator?.Handle ?? 0));

        public Tensor multinomial(long num_samples, bool replacement = false, Generator? generator = null) =>
            Result(LibTorch.ts_multinomial(Handle, num_samples, replacement, generator?.Handle ?? 0));
    }
}
