// A thin C surface over ATen for the C# code beside it. Every function catches C++ exceptions: a failing one returns null
// (or -1 for a status) and leaves its message for ts_last_error. Tensors cross as owning pointers to at::Tensor.
#pragma once
// Not <torch/torch.h>: it takes four times as long to compile and nothing here needs it.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/version.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#define API extern "C" __attribute__((visibility("default")))

using Handle = at::Tensor*;
using Maybe = at::Tensor;  // an undefined tensor stands for "none"

/// A number that is an integer, a real or a truth value, as torch.Scalar.
struct Number {
  double real;
  int64_t integer;
  int64_t kind;  // 0 integer, 1 real, 2 bool
};

/// Remembers the exception in flight for ts_last_error.
void remember_error() noexcept;

inline at::Scalar scalar(const Number& n) {
  if (n.kind == 0) return at::Scalar(n.integer);
  if (n.kind == 2) return at::Scalar(n.integer != 0);
  return at::Scalar(n.real);
}

inline at::IntArrayRef ints(const int64_t* values, int count) { return at::IntArrayRef(values, static_cast<size_t>(count)); }

inline at::ScalarType type_of(int type) { return static_cast<at::ScalarType>(type); }

/// device_type: 0 CPU, 1 CUDA (c10's numbering); index -1 = the current one.
inline at::Device device_of(int type, int index) {
  return at::Device(static_cast<at::DeviceType>(type), static_cast<at::DeviceIndex>(index));
}

inline at::TensorOptions options_of(int type, int device_type, int device_index) {
  return at::TensorOptions(type_of(type)).device(device_of(device_type, device_index));
}

inline Maybe maybe(Handle t) { return t ? *t : at::Tensor(); }

inline std::vector<at::Tensor> list_of(Handle* tensors, int count) {
  std::vector<at::Tensor> list;
  list.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; i++) list.push_back(*tensors[i]);
  return list;
}

// Optional arguments: a type of its own until libtorch took the standard's.
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 5)
template <typename T>
using Optional = std::optional<T>;
#else
template <typename T>
using Optional = c10::optional<T>;
#endif

inline Optional<at::ScalarType> optional_type(int type) {
  return type < 0 ? Optional<at::ScalarType>() : Optional<at::ScalarType>(type_of(type));
}

// Bodies of the exported functions.
#define RETURN_TENSOR(expression)        \
  try {                                  \
    return new at::Tensor(expression);   \
  } catch (...) {                        \
    remember_error();                    \
    return nullptr;                      \
  }
#define RETURN_STATUS(...)               \
  try {                                  \
    __VA_ARGS__;                         \
    return 0;                            \
  } catch (...) {                        \
    remember_error();                    \
    return -1;                           \
  }
