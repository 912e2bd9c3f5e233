// Layers' functions and the optimiser's steps.
#include "shim.h"

#include <algorithm>
#include <array>

API Handle ts_linear(Handle input, Handle weight, Handle bias) { RETURN_TENSOR(at::linear(*input, *weight, maybe(bias))) }
API Handle ts_one_hot(Handle t, int64_t classes) { RETURN_TENSOR(at::one_hot(*t, classes)) }
API Handle ts_dropout(Handle t, double p, bool training) { RETURN_TENSOR(at::dropout(*t, p, training)) }
API Handle ts_cross_entropy(Handle input, Handle target, Handle weight, int64_t ignore_index, int64_t reduction, double smoothing) {
  RETURN_TENSOR(at::cross_entropy_loss(*input, *target, maybe(weight), reduction, ignore_index, smoothing))
}

#if TORCH_VERSION_MAJOR >= 2
API Handle ts_attention(Handle q, Handle k, Handle v, Handle mask, double p, bool causal) {
  RETURN_TENSOR(at::scaled_dot_product_attention(*q, *k, *v, mask ? Optional<at::Tensor>(*mask) : Optional<at::Tensor>(), p, causal))
}
#else
namespace {
// libtorch 1.13 has no fused attention on the CPU: softmax(q k^T / sqrt(d) + mask) v, where the mask and the scale enter
// through the product's own beta and alpha instead of passes of their own.
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& mask, double p, bool causal) {
  TORCH_CHECK(!(causal && mask.defined()), "scaled_dot_product_attention: explicit attn_mask should not be set when is_causal=True");
  TORCH_CHECK(q.dim() >= 2 && k.dim() == q.dim() && v.dim() == q.dim(),
              "scaled_dot_product_attention: query, key and value need the same number of dimensions, at least 2");
  const int64_t rows = q.size(-2), columns = k.size(-2);
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(-1)));
  at::Tensor bias;
  if (causal) {
    static thread_local at::Tensor cached;  // [rows, columns], -inf above the diagonal
    if (!cached.defined() || cached.size(0) != rows || cached.size(1) != columns || cached.scalar_type() != q.scalar_type() ||
        cached.device() != q.device()) {
      at::NoGradGuard no_grad;
      c10::InferenceMode no_inference(false);
      cached = at::full({rows, columns}, -std::numeric_limits<double>::infinity(), q.options().requires_grad(false)).triu_(1);
    }
    bias = cached;
  } else if (mask.defined()) {
    bias = mask.scalar_type() == at::kBool
               ? at::zeros(mask.sizes(), q.options()).masked_fill_(mask.logical_not(), -std::numeric_limits<double>::infinity())
               : mask;
  }

  at::Tensor scores;
  if (q.dim() == 4 && q.size(0) == k.size(0) && q.size(1) == k.size(1) && (!bias.defined() || bias.dim() == 2)) {
    const int64_t batch = q.size(0) * q.size(1);
    auto q3 = q.reshape({batch, rows, q.size(3)});
    auto k3 = k.reshape({batch, columns, k.size(3)}).transpose(1, 2);
    scores = bias.defined() ? at::baddbmm(bias, q3, k3, 1, scale) : at::bmm(q3, k3).mul_(scale);
    auto weights = at::softmax(scores, -1);
    if (p > 0) weights = at::dropout(weights, p, true);
    return at::bmm(weights, v.reshape({batch, columns, v.size(3)})).view({q.size(0), q.size(1), rows, v.size(3)});
  }

  scores = at::matmul(q, k.transpose(-2, -1)).mul(scale);
  if (bias.defined()) scores = scores.add(bias);
  auto weights = at::softmax(scores, -1);
  if (p > 0) weights = at::dropout(weights, p, true);
  return at::matmul(weights, v);
}
}  // namespace
API Handle ts_attention(Handle q, Handle k, Handle v, Handle mask, double p, bool causal) {
  RETURN_TENSOR(attention(*q, *k, *v, maybe(mask), p, causal))
}
#endif

namespace {
constexpr int64_t kGrain = 1 << 14;

bool plain(const at::Tensor& t) { return t.is_cpu() && t.scalar_type() == at::kFloat && t.is_contiguous(); }

// The sum of squares in blocks of fixed size, so that it does not depend on the number of threads.
double sum_of_squares(const at::Tensor& t) {
  const float* data = t.data_ptr<float>();
  const int64_t count = t.numel(), blocks = (count + kGrain - 1) / kGrain;
  std::vector<double> partial(static_cast<size_t>(blocks));
  at::parallel_for(0, blocks, 1, [&](int64_t first, int64_t last) {
    for (int64_t block = first; block < last; block++) {
      std::array<float, 32> lanes{};
      int64_t i = block * kGrain;
      const int64_t end = std::min(count, i + kGrain);
      for (; i + 32 <= end; i += 32)
        for (int64_t lane = 0; lane < 32; lane++) lanes[lane] += data[i + lane] * data[i + lane];
      double sum = 0;
      for (float lane : lanes) sum += lane;
      for (; i < end; i++) sum += static_cast<double>(data[i]) * data[i];
      partial[static_cast<size_t>(block)] = sum;
    }
  });
  double sum = 0;
  for (double part : partial) sum += part;
  return sum;
}
}  // namespace

API int ts_clip_grad_norm_(Handle* parameters, int n, double max_norm, double norm_type, double* total) {
  try {
    at::NoGradGuard no_grad;
    std::vector<at::Tensor> grads;
    for (int i = 0; i < n; i++) {
      auto& grad = parameters[i]->mutable_grad();
      if (grad.defined()) grads.push_back(grad);
    }
    *total = 0;
    if (grads.empty()) return 0;
    const bool fast = norm_type == 2.0 && std::all_of(grads.begin(), grads.end(), plain);
    if (fast) {
      double sum = 0;
      for (auto& grad : grads) sum += sum_of_squares(grad);
      *total = std::sqrt(sum);
    } else {
      std::vector<at::Tensor> norms;
      for (auto& grad : grads) norms.push_back(grad.norm(norm_type).to(grads[0].device()));
      *total = at::stack(norms).norm(norm_type).item<double>();
    }
    const double factor = max_norm / (*total + 1e-6);
    if (!(factor >= 1.0))
      for (auto& grad : grads) grad.mul_(factor);
    return 0;
  } catch (...) {
    remember_error();
    return -1;
  }
}

// One AdamW step for n parameters that share their options. Arrays of n: parameter, first and second moment, running maximum (or null), step number.
API int ts_adamw_(Handle* parameters, Handle* first, Handle* second, Handle* maximum, const int64_t* steps, int n, double lr, double beta1,
                  double beta2, double eps, double weight_decay, bool maximize) {
  try {
    at::NoGradGuard no_grad;
    for (int i = 0; i < n; i++) {
      at::Tensor p = *parameters[i], m = *first[i], v = *second[i];
      at::Tensor g = p.mutable_grad();
      if (maximize) g = g.neg();
      const double correction1 = 1 - std::pow(beta1, static_cast<double>(steps[i]));
      const double correction2 = std::sqrt(1 - std::pow(beta2, static_cast<double>(steps[i])));
      if (!maximum && plain(p) && plain(g) && plain(m) && plain(v)) {
        // One pass over memory.
        float *P = p.data_ptr<float>(), *M = m.data_ptr<float>(), *V = v.data_ptr<float>();
        const float* G = g.data_ptr<float>();
        const float b1 = beta1, b2 = beta2, r1 = 1 - beta1, r2 = 1 - beta2, decay = 1 - lr * weight_decay, rate = lr / correction1,
                    unbias = 1 / correction2, epsilon = eps;
        at::parallel_for(0, p.numel(), kGrain, [&](int64_t begin, int64_t end) {
          for (int64_t j = begin; j < end; j++) {
            const float gradient = G[j];
            const float mean = M[j] = b1 * M[j] + r1 * gradient;
            const float square = V[j] = b2 * V[j] + r2 * gradient * gradient;
            P[j] = P[j] * decay - rate * mean / (std::sqrt(square) * unbias + epsilon);
          }
        });
        p.unsafeGetTensorImpl()->bump_version();
      } else {
        p.mul_(1 - lr * weight_decay);
        m.mul_(beta1).add_(g, 1 - beta1);
        v.mul_(beta2).addcmul_(g, g, 1 - beta2);
        at::Tensor square = v;
        if (maximum) {
          maximum[i]->copy_(at::maximum(*maximum[i], v));
          square = *maximum[i];
        }
        p.addcdiv_(m, square.sqrt().div_(correction2).add_(eps), -lr / correction1);
      }
    }
    return 0;
  } catch (...) {
    remember_error();
    return -1;
  }
}
