// Errors, threads, random numbers, autograd modes, CUDA presence.
#include "shim.h"

#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>

// There when libtorch computes with OpenBLAS.
extern "C" __attribute__((weak)) void openblas_set_num_threads(int count);

namespace {
thread_local std::string last_error;

at::Generator default_generator(int device_type, int device_index) {
  return at::globalContext().defaultGenerator(device_of(device_type, device_index));
}
}  // namespace

void remember_error() noexcept {
  try {
    throw;
  } catch (const c10::Error& e) {
    last_error = e.what_without_backtrace();
  } catch (const std::exception& e) {
    last_error = e.what();
  } catch (...) {
    last_error = "unknown native exception";
  }
}

API const char* ts_last_error() { return last_error.c_str(); }
API const char* ts_version() { return TORCH_VERSION; }
API void ts_set_num_threads(int count) {
  at::set_num_threads(count);
  // libtorch hands its thread count on to MKL, not to OpenBLAS, which would go on using every core.
  if (openblas_set_num_threads) openblas_set_num_threads(count);
}
API int ts_get_num_threads() { return at::get_num_threads(); }

API bool ts_grad_enabled() { return at::GradMode::is_enabled(); }
API void ts_set_grad_enabled(bool enabled) { at::GradMode::set_enabled(enabled); }
API void* ts_inference_mode_enter(bool mode) { return new c10::InferenceMode(mode); }
API void ts_inference_mode_leave(void* guard) { delete static_cast<c10::InferenceMode*>(guard); }

API int ts_manual_seed(int64_t seed) { RETURN_STATUS(at::manual_seed(static_cast<uint64_t>(seed))) }
API at::Generator* ts_generator_default() {
  try {
    return new at::Generator(default_generator(0, -1));
  } catch (...) {
    remember_error();
    return nullptr;
  }
}
API at::Generator* ts_generator_new(int64_t seed, int device_type, int device_index) {
  try {
    auto generator = default_generator(device_type, device_index).clone();
    generator.set_current_seed(static_cast<uint64_t>(seed));
    return new at::Generator(generator);
  } catch (...) {
    remember_error();
    return nullptr;
  }
}
API void ts_generator_free(at::Generator* generator) { delete generator; }
API int ts_generator_seed(at::Generator* generator, int64_t seed) {
  RETURN_STATUS(std::lock_guard<std::mutex> lock(generator->mutex()); generator->set_current_seed(static_cast<uint64_t>(seed)))
}
API int64_t ts_generator_initial_seed(at::Generator* generator) { return static_cast<int64_t>(generator->current_seed()); }
API Handle ts_generator_get_state(at::Generator* generator) {
  try {
    std::lock_guard<std::mutex> lock(generator->mutex());
    return new at::Tensor(generator->get_state());
  } catch (...) {
    remember_error();
    return nullptr;
  }
}
API int ts_generator_set_state(at::Generator* generator, Handle state) {
  RETURN_STATUS(std::lock_guard<std::mutex> lock(generator->mutex()); generator->set_state(*state))
}

API bool ts_cuda_is_available() {
  try {
    return at::hasCUDA() && at::getNumGPUs() > 0;
  } catch (...) {
    return false;
  }
}
API int ts_cuda_device_count() {
  try {
    return at::hasCUDA() ? static_cast<int>(at::getNumGPUs()) : 0;
  } catch (...) {
    return 0;
  }
}
API int ts_cuda_synchronize(int index) { RETURN_STATUS(at::detail::getCUDAHooks().deviceSynchronize(static_cast<at::DeviceIndex>(index))) }
