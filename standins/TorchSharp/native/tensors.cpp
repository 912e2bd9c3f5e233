// Making tensors, asking about them, gradients.
#include "shim.h"

using Random = at::Generator*;

namespace {
Optional<at::Generator> optional_generator(Random g) { return g ? Optional<at::Generator>(*g) : Optional<at::Generator>(); }
}  // namespace

API void ts_free(Handle t) { delete t; }
API Handle ts_same(Handle t) { RETURN_TENSOR(*t) }

API Handle ts_empty(const int64_t* size, int n, int type, int device, int index, bool grad) {
  RETURN_TENSOR(at::empty(ints(size, n), options_of(type, device, index)).set_requires_grad(grad))
}
API Handle ts_zeros(const int64_t* size, int n, int type, int device, int index, bool grad) {
  RETURN_TENSOR(at::zeros(ints(size, n), options_of(type, device, index)).set_requires_grad(grad))
}
API Handle ts_full(const int64_t* size, int n, Number value, int type, int device, int index, bool grad) {
  RETURN_TENSOR(at::full(ints(size, n), scalar(value), options_of(type, device, index)).set_requires_grad(grad))
}
API Handle ts_rand(const int64_t* size, int n, int type, int device, int index, bool grad, Random g) {
  RETURN_TENSOR(at::rand(ints(size, n), optional_generator(g), options_of(type, device, index)).set_requires_grad(grad))
}
API Handle ts_randn(const int64_t* size, int n, int type, int device, int index, bool grad, Random g) {
  RETURN_TENSOR(at::randn(ints(size, n), optional_generator(g), options_of(type, device, index)).set_requires_grad(grad))
}
API Handle ts_randint(int64_t low, int64_t high, const int64_t* size, int n, int type, int device, int index, Random g) {
  RETURN_TENSOR(at::randint(low, high, ints(size, n), optional_generator(g), options_of(type, device, index)))
}
API Handle ts_arange(Number start, Number stop, Number step, int type, int device, int index) {
  RETURN_TENSOR(at::arange(scalar(start), scalar(stop), scalar(step), options_of(type, device, index)))
}
API Handle ts_from_data(const void* data, const int64_t* size, int n, int source, int type, int device, int index, bool grad) {
  RETURN_TENSOR(at::from_blob(const_cast<void*>(data), ints(size, n), at::TensorOptions(type_of(source)))
                    .to(options_of(type, device, index), /*non_blocking=*/false, /*copy=*/true)
                    .set_requires_grad(grad))
}

API int ts_dim(Handle t) { return static_cast<int>(t->dim()); }
API void ts_sizes(Handle t, int64_t* out) {
  auto sizes = t->sizes();
  std::memcpy(out, sizes.data(), sizes.size() * sizeof(int64_t));
}
API int64_t ts_numel(Handle t) { return t->numel(); }
API int ts_dtype(Handle t) { return static_cast<int>(t->scalar_type()); }
API int64_t ts_element_size(Handle t) { return static_cast<int64_t>(t->element_size()); }
API int ts_device_type(Handle t) { return static_cast<int>(t->device().type()); }
API int ts_device_index(Handle t) { return static_cast<int>(t->device().index()); }
API bool ts_is_contiguous(Handle t) { return t->is_contiguous(); }
API bool ts_is_leaf(Handle t) { return t->is_leaf(); }
API void* ts_data(Handle t) {
  try {
    return t->data_ptr();
  } catch (...) {
    remember_error();
    return nullptr;
  }
}
API int ts_item(Handle t, Number* out) {
  RETURN_STATUS(auto value = t->item(); bool integral = value.isIntegral(true); out->kind = integral ? 0 : 1;
                out->integer = integral ? value.toLong() : 0; out->real = value.toDouble())
}

API bool ts_requires_grad(Handle t) { return t->requires_grad(); }
API int ts_set_requires_grad(Handle t, bool value) { RETURN_STATUS(t->set_requires_grad(value)) }
API Handle ts_grad(Handle t) {  // null without an error: no gradient yet
  try {
    auto& grad = t->mutable_grad();
    return grad.defined() ? new at::Tensor(grad) : nullptr;
  } catch (...) {
    remember_error();
    return nullptr;
  }
}
API int ts_set_grad(Handle t, Handle grad) { RETURN_STATUS(t->mutable_grad() = maybe(grad)) }
API int ts_backward(Handle t, Handle grad, bool retain_graph, bool create_graph) {
  RETURN_STATUS(t->backward(maybe(grad), retain_graph, create_graph))
}
API Handle ts_detach(Handle t) { RETURN_TENSOR(t->detach()) }
API Handle ts_clone(Handle t) { RETURN_TENSOR(t->clone()) }
API Handle ts_contiguous(Handle t) { RETURN_TENSOR(t->contiguous()) }
API Handle ts_to(Handle t, int type, int device, int index, bool copy, bool non_blocking) {
  RETURN_TENSOR(t->to(at::TensorOptions(type_of(type)).device(device_of(device, index)), non_blocking, copy))
}
API int ts_copy_(Handle t, Handle source, bool non_blocking) { RETURN_STATUS(t->copy_(*source, non_blocking)) }
API int ts_zero_(Handle t) { RETURN_STATUS(t->zero_()) }
API int ts_fill_(Handle t, Number value) { RETURN_STATUS(t->fill_(scalar(value))) }
API int ts_normal_(Handle t, double mean, double deviation, Random g) { RETURN_STATUS(t->normal_(mean, deviation, optional_generator(g))) }
API int ts_uniform_(Handle t, double from, double to, Random g) { RETURN_STATUS(t->uniform_(from, to, optional_generator(g))) }
API Handle ts_multinomial(Handle t, int64_t samples, bool replacement, Random g) {
  RETURN_TENSOR(t->multinomial(samples, replacement, optional_generator(g)))
}
