// Views, joining, indexing.
#include "shim.h"

API Handle ts_view(Handle t, const int64_t* shape, int n) { RETURN_TENSOR(t->view(ints(shape, n))) }
API Handle ts_reshape(Handle t, const int64_t* shape, int n) { RETURN_TENSOR(t->reshape(ints(shape, n))) }
API Handle ts_permute(Handle t, const int64_t* order, int n) { RETURN_TENSOR(t->permute(ints(order, n))) }
API Handle ts_expand(Handle t, const int64_t* sizes, int n) { RETURN_TENSOR(t->expand(ints(sizes, n))) }
API Handle ts_transpose(Handle t, int64_t a, int64_t b) { RETURN_TENSOR(t->transpose(a, b)) }
API Handle ts_unsqueeze(Handle t, int64_t dim) { RETURN_TENSOR(t->unsqueeze(dim)) }
API Handle ts_squeeze(Handle t) { RETURN_TENSOR(t->squeeze()) }
API Handle ts_squeeze_dim(Handle t, int64_t dim) { RETURN_TENSOR(t->squeeze(dim)) }
API Handle ts_flatten(Handle t, int64_t start, int64_t end) { RETURN_TENSOR(t->flatten(start, end)) }
API Handle ts_narrow(Handle t, int64_t dim, int64_t start, int64_t length) { RETURN_TENSOR(t->narrow(dim, start, length)) }
API Handle ts_slice(Handle t, int64_t dim, int64_t start, int64_t finish, int64_t step) { RETURN_TENSOR(t->slice(dim, start, finish, step)) }
API Handle ts_select(Handle t, int64_t dim, int64_t index) { RETURN_TENSOR(t->select(dim, index)) }
API Handle ts_roll(Handle t, int64_t shift, int64_t dim) { RETURN_TENSOR(t->roll(at::IntArrayRef(shift), at::IntArrayRef(dim))) }
API Handle ts_triu(Handle t, int64_t diagonal) { RETURN_TENSOR(t->triu(diagonal)) }
API Handle ts_tril(Handle t, int64_t diagonal) { RETURN_TENSOR(t->tril(diagonal)) }
API Handle ts_cat(Handle* tensors, int n, int64_t dim) { RETURN_TENSOR(at::cat(list_of(tensors, n), dim)) }
API Handle ts_stack(Handle* tensors, int n, int64_t dim) { RETURN_TENSOR(at::stack(list_of(tensors, n), dim)) }

API Handle ts_index_select(Handle t, int64_t dim, Handle index) { RETURN_TENSOR(t->index_select(dim, *index)) }
API Handle ts_index_add(Handle t, int64_t dim, Handle index, Handle source, Number alpha) {
  RETURN_TENSOR(t->index_add(dim, *index, *source, scalar(alpha)))
}
API int ts_index_add_(Handle t, int64_t dim, Handle index, Handle source, Number alpha) {
  RETURN_STATUS(t->index_add_(dim, *index, *source, scalar(alpha)))
}
API Handle ts_index_copy(Handle t, int64_t dim, Handle index, Handle source) { RETURN_TENSOR(t->index_copy(dim, *index, *source)) }
API Handle ts_gather(Handle t, int64_t dim, Handle index) { RETURN_TENSOR(t->gather(dim, *index)) }
API Handle ts_scatter(Handle t, int64_t dim, Handle index, Handle source) { RETURN_TENSOR(t->scatter(dim, *index, *source)) }
API int ts_scatter_(Handle t, int64_t dim, Handle index, Handle source) { RETURN_STATUS(t->scatter_(dim, *index, *source)) }
API Handle ts_scatter_add(Handle t, int64_t dim, Handle index, Handle source) { RETURN_TENSOR(t->scatter_add(dim, *index, *source)) }
API int ts_scatter_add_(Handle t, int64_t dim, Handle index, Handle source) { RETURN_STATUS(t->scatter_add_(dim, *index, *source)) }
API Handle ts_masked_fill(Handle t, Handle mask, Number value) { RETURN_TENSOR(t->masked_fill(*mask, scalar(value))) }
API int ts_masked_fill_(Handle t, Handle mask, Number value) { RETURN_STATUS(t->masked_fill_(*mask, scalar(value))) }
API Handle ts_masked_select(Handle t, Handle mask) { RETURN_TENSOR(t->masked_select(*mask)) }
API Handle ts_nonzero(Handle t) { RETURN_TENSOR(t->nonzero()) }
API Handle ts_repeat_interleave(Handle t, int64_t repeats, bool has_dim, int64_t dim) {
  RETURN_TENSOR(t->repeat_interleave(repeats, has_dim ? Optional<int64_t>(dim) : Optional<int64_t>()))
}

// chunk and split give a list: the callback receives it while it lives.
using Receive = void (*)(void* context, Handle tensor);
API int ts_chunk(Handle t, int64_t chunks, int64_t dim, Receive receive, void* context) {
  RETURN_STATUS(for (auto& piece : t->chunk(chunks, dim)) receive(context, new at::Tensor(piece)))
}
API int ts_split(Handle t, int64_t size, int64_t dim, Receive receive, void* context) {
  RETURN_STATUS(for (auto& piece : t->split(size, dim)) receive(context, new at::Tensor(piece)))
}
API int ts_split_with_sizes(Handle t, const int64_t* sizes, int n, int64_t dim, Receive receive, void* context) {
  RETURN_STATUS(for (auto& piece : t->split_with_sizes(ints(sizes, n), dim)) receive(context, new at::Tensor(piece)))
}
