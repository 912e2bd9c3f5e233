// Element-wise arithmetic, comparisons, reductions.
#include "shim.h"

#define UNARY(name, expression) \
  API Handle ts_##name(Handle a) { RETURN_TENSOR(expression) }
#define BINARY(name, expression) \
  API Handle ts_##name(Handle a, Handle b) { RETURN_TENSOR(expression) }
#define WITH_SCALAR(name, expression) \
  API Handle ts_##name(Handle a, Number b) { RETURN_TENSOR(expression) }
#define IN_PLACE(name, expression) \
  API int ts_##name(Handle a, Handle b) { RETURN_STATUS(expression) }
#define IN_PLACE_SCALAR(name, expression) \
  API int ts_##name(Handle a, Number b) { RETURN_STATUS(expression) }

UNARY(neg, a->neg())
UNARY(exp, a->exp())
UNARY(log, a->log())
UNARY(sqrt, a->sqrt())
UNARY(rsqrt, a->rsqrt())
UNARY(abs, a->abs())
UNARY(cos, a->cos())
UNARY(sin, a->sin())
UNARY(sigmoid, a->sigmoid())
UNARY(silu, at::silu(*a))
UNARY(isfinite, a->isfinite())
UNARY(isnan, a->isnan())
UNARY(all, a->all())
UNARY(any, a->any())

BINARY(sub, a->sub(*b))
BINARY(mul, a->mul(*b))
BINARY(div, a->div(*b))
BINARY(maximum, at::maximum(*a, *b))
BINARY(matmul, a->matmul(*b))
BINARY(mm, a->mm(*b))
BINARY(bmm, a->bmm(*b))
BINARY(outer, a->outer(*b))
BINARY(pow, a->pow(*b))
BINARY(eq, a->eq(*b))
BINARY(ne, a->ne(*b))
BINARY(lt, a->lt(*b))
BINARY(le, a->le(*b))
BINARY(gt, a->gt(*b))
BINARY(ge, a->ge(*b))

WITH_SCALAR(add_scalar, a->add(scalar(b)))
WITH_SCALAR(sub_scalar, a->sub(scalar(b)))
WITH_SCALAR(rsub_scalar, at::rsub(*a, scalar(b)))
WITH_SCALAR(mul_scalar, a->mul(scalar(b)))
WITH_SCALAR(div_scalar, a->div(scalar(b)))
WITH_SCALAR(rdiv_scalar, a->reciprocal().mul_(scalar(b)))
WITH_SCALAR(pow_scalar, a->pow(scalar(b)))
WITH_SCALAR(eq_scalar, a->eq(scalar(b)))
WITH_SCALAR(ne_scalar, a->ne(scalar(b)))
WITH_SCALAR(lt_scalar, a->lt(scalar(b)))
WITH_SCALAR(le_scalar, a->le(scalar(b)))
WITH_SCALAR(gt_scalar, a->gt(scalar(b)))
WITH_SCALAR(ge_scalar, a->ge(scalar(b)))

IN_PLACE(sub_, a->sub_(*b))
IN_PLACE(mul_, a->mul_(*b))
IN_PLACE(div_, a->div_(*b))
IN_PLACE_SCALAR(add_scalar_, a->add_(scalar(b)))
IN_PLACE_SCALAR(sub_scalar_, a->sub_(scalar(b)))
IN_PLACE_SCALAR(mul_scalar_, a->mul_(scalar(b)))
IN_PLACE_SCALAR(div_scalar_, a->div_(scalar(b)))

API Handle ts_add(Handle a, Handle b, Number alpha) { RETURN_TENSOR(a->add(*b, scalar(alpha))) }
API int ts_add_(Handle a, Handle b, Number alpha) { RETURN_STATUS(a->add_(*b, scalar(alpha))) }
API int ts_addcmul_(Handle a, Handle b, Handle c, Number value) { RETURN_STATUS(a->addcmul_(*b, *c, scalar(value))) }
API int ts_addcdiv_(Handle a, Handle b, Handle c, Number value) { RETURN_STATUS(a->addcdiv_(*b, *c, scalar(value))) }
API Handle ts_addcmul(Handle a, Handle b, Handle c, Number value) { RETURN_TENSOR(a->addcmul(*b, *c, scalar(value))) }
API int ts_lerp_(Handle a, Handle end, Handle weight) { RETURN_STATUS(a->lerp_(*end, *weight)) }
API Handle ts_clamp(Handle a, bool has_min, Number low, bool has_max, Number high) {
  RETURN_TENSOR(a->clamp(has_min ? Optional<at::Scalar>(scalar(low)) : Optional<at::Scalar>(),
                         has_max ? Optional<at::Scalar>(scalar(high)) : Optional<at::Scalar>()))
}
API Handle ts_where(Handle condition, Handle a, Handle b) { RETURN_TENSOR(at::where(*condition, *a, *b)) }
API bool ts_allclose(Handle a, Handle b, double rtol, double atol, bool equal_nan, int* failed) {
  *failed = 0;
  try {
    return a->allclose(*b, rtol, atol, equal_nan);
  } catch (...) {
    remember_error();
    *failed = 1;
    return false;
  }
}

API Handle ts_sum(Handle t, int type) { RETURN_TENSOR(t->sum(optional_type(type))) }
API Handle ts_sum_dim(Handle t, const int64_t* dim, int n, bool keep, int type) { RETURN_TENSOR(t->sum(ints(dim, n), keep, optional_type(type))) }
API Handle ts_mean(Handle t) { RETURN_TENSOR(t->mean()) }
API Handle ts_mean_dim(Handle t, const int64_t* dim, int n, bool keep, int type) { RETURN_TENSOR(t->mean(ints(dim, n), keep, optional_type(type))) }
API Handle ts_norm(Handle t, double p) { RETURN_TENSOR(t->norm(p)) }
API Handle ts_softmax(Handle t, int64_t dim, int type) { RETURN_TENSOR(at::softmax(*t, dim, optional_type(type))) }
API Handle ts_log_softmax(Handle t, int64_t dim, int type) { RETURN_TENSOR(at::log_softmax(*t, dim, optional_type(type))) }
API Handle ts_logsumexp(Handle t, int64_t dim, bool keep) { RETURN_TENSOR(t->logsumexp(at::IntArrayRef(dim), keep)) }
API Handle ts_cumsum(Handle t, int64_t dim, int type) { RETURN_TENSOR(t->cumsum(dim, optional_type(type))) }
API Handle ts_argmax(Handle t, int64_t dim, bool keep) { RETURN_TENSOR(t->argmax(dim, keep)) }
API Handle ts_argmax_all(Handle t) { RETURN_TENSOR(t->argmax()) }
API Handle ts_bincount(Handle t, Handle weights, int64_t minimum) { RETURN_TENSOR(at::bincount(*t, maybe(weights), minimum)) }

namespace {
template <typename Pair>
void give(Pair&& pair, Handle* out) {
  auto first = std::make_unique<at::Tensor>(std::get<0>(pair));
  out[1] = new at::Tensor(std::get<1>(pair));
  out[0] = first.release();
}
}  // namespace

API int ts_max_dim(Handle t, int64_t dim, bool keep, Handle* out) { RETURN_STATUS(give(t->max(dim, keep), out)) }
API int ts_min_dim(Handle t, int64_t dim, bool keep, Handle* out) { RETURN_STATUS(give(t->min(dim, keep), out)) }
API int ts_topk(Handle t, int64_t k, int64_t dim, bool largest, bool sorted, Handle* out) {
  RETURN_STATUS(give(t->topk(k, dim, largest, sorted), out))
}
API int ts_sort(Handle t, int64_t dim, bool descending, bool stable, Handle* out) {
  RETURN_STATUS(give(t->sort(Optional<bool>(stable), dim, descending), out))
}
