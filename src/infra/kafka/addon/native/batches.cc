// The methods that JavaScript calls: `openBatches` finds the producer behind its object, which only V8's interface
// can, and gives a number for it. All others are Node-API functions, of which a call costs least, and take that number.
#include "batches.h"

#include <malloc.h>
#include <nan.h>

#include <memory>
#include <string>
#include <vector>

#include "outlet.h"

namespace batches {

namespace {

// By number. A producer lives as long as the process, or nearly: numbers are not used again.
std::vector<std::unique_ptr<Outlet>>& outlets() {
  static auto* const all = new std::vector<std::unique_ptr<Outlet>>;
  return *all;
}

NAN_METHOD(open_batches) {
  NodeKafka::Producer* const producer = Nan::ObjectWrap::Unwrap<NodeKafka::Producer>(info.This());
  std::string error;
  Outlet* const outlet = Outlet::open(producer, &error);
  if (outlet == nullptr) return Nan::ThrowError(error.c_str());
  outlets().emplace_back(outlet);
  info.GetReturnValue().Set(Nan::New<v8::Number>(static_cast<double>(outlets().size() - 1)));
}

// Freed memory that the C library keeps at the end of a heap, and what it maps apart, bytes. For each batch of messages the
// compressor takes 150 kB and gives them back; by default, 128 kB, these would go back to the kernel each time and be
// faulted in anew, page by page: a fifth of what librdkafka costs where batches are small. A full batch is 1 MB.
constexpr int kKept = 4 << 20;

void keep_freed_memory() {
  mallopt(M_TRIM_THRESHOLD, kKept);
  mallopt(M_MMAP_THRESHOLD, kKept);
}

// ---- arguments ----------------------------------------------------------------------------------------

template <size_t kCount>
struct Call {
  Call(napi_env environment, napi_callback_info info) : env(environment) {
    size_t count = kCount;
    napi_value self;
    ok = napi_get_cb_info(env, info, &count, values, &self, nullptr) == napi_ok && count >= kCount;
    uint32_t number;
    ok = ok && napi_get_value_uint32(env, values[0], &number) == napi_ok && number < outlets().size();
    if (ok) outlet = outlets()[number].get();
    ok = ok && outlet != nullptr;
  }

  napi_env env;
  napi_value values[kCount];
  Outlet* outlet = nullptr;
  bool ok;
};

napi_value refuse(napi_env env) {
  napi_throw_type_error(env, nullptr, "kafka addon: not what the batches take, or of a producer that has ended");
  return nullptr;
}

napi_value number_of(napi_env env, int64_t value) {
  napi_value number = nullptr;
  napi_create_int64(env, value, &number);
  return number;
}

bool text_of(napi_env env, napi_value value, std::string* text) {
  size_t length;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) return false;
  text->resize(length + 1);
  if (napi_get_value_string_utf8(env, value, text->data(), length + 1, &length) != napi_ok) return false;
  text->resize(length);
  return true;
}

// The memory of an Int32Array, as an array of T.
template <class T>
bool numbers_of(napi_env env, napi_value value, T** items, size_t* count) {
  napi_typedarray_type type;
  size_t length;
  void* memory;
  if (napi_get_typedarray_info(env, value, &type, &length, &memory, nullptr, nullptr) != napi_ok) return false;
  if (type != napi_int32_array) return false;
  *items = static_cast<T*>(memory);
  *count = length / (sizeof(T) / sizeof(int32_t));
  return true;
}

bool slabs_of(napi_env env, napi_value list, std::vector<Slab>* slabs) {
  uint32_t count;
  if (napi_get_array_length(env, list, &count) != napi_ok) return false;
  slabs->clear();
  for (uint32_t i = 0; i < count; i++) {
    napi_value buffer;
    void* memory;
    size_t length;
    if (napi_get_element(env, list, i, &buffer) != napi_ok) return false;
    if (napi_get_arraybuffer_info(env, buffer, &memory, &length) != napi_ok) return false;
    slabs->push_back({static_cast<const char*>(memory), length});
  }
  return true;
}

// ---- methods ------------------------------------------------------------------------------------------

// internTopic(outlet, name): number
napi_value intern_topic(napi_env env, napi_callback_info info) {
  const Call<2> call(env, info);
  std::string name;
  if (!call.ok || !text_of(env, call.values[1], &name)) return refuse(env);
  return number_of(env, call.outlet->intern_topic(std::move(name)));
}

// internKey(outlet, key): number
napi_value intern_key(napi_env env, napi_callback_info info) {
  const Call<2> call(env, info);
  std::string key;
  if (!call.ok || !text_of(env, call.values[1], &key)) return refuse(env);
  return number_of(env, call.outlet->intern_key(std::move(key)));
}

// internHeaders(outlet, [name, value, name, value, …]): number
napi_value intern_headers(napi_env env, napi_callback_info info) {
  const Call<2> call(env, info);
  uint32_t count;
  if (!call.ok || napi_get_array_length(env, call.values[1], &count) != napi_ok) return refuse(env);
  rd_kafka_headers_t* const headers = rd_kafka_headers_new(count / 2);
  for (uint32_t i = 0; i + 1 < count; i += 2) {
    napi_value item[2];
    std::string name, value;
    if (napi_get_element(env, call.values[1], i, &item[0]) != napi_ok ||
        napi_get_element(env, call.values[1], i + 1, &item[1]) != napi_ok ||
        !text_of(env, item[0], &name) || !text_of(env, item[1], &value)) {
      rd_kafka_headers_destroy(headers);
      return refuse(env);
    }
    rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value.data(),
                        static_cast<ssize_t>(value.size()));
  }
  return number_of(env, call.outlet->intern_headers(headers));
}

// forgetKeys(outlet), forgetHeaders(outlet): their numbers begin anew
napi_value forget_keys(napi_env env, napi_callback_info info) {
  const Call<1> call(env, info);
  if (!call.ok) return refuse(env);
  call.outlet->forget_keys();
  return nullptr;
}

napi_value forget_headers(napi_env env, napi_callback_info info) {
  const Call<1> call(env, info);
  if (!call.ok) return refuse(env);
  call.outlet->forget_headers();
  return nullptr;
}

// produceBatch(outlet, descriptors: Int32Array, count, slabs: ArrayBuffer[]): how many were taken
napi_value produce_batch(napi_env env, napi_callback_info info) {
  const Call<4> call(env, info);
  Descriptor* messages;
  size_t room;
  uint32_t count;
  static std::vector<Slab> slabs;
  if (!call.ok || !numbers_of(env, call.values[1], &messages, &room) ||
      napi_get_value_uint32(env, call.values[2], &count) != napi_ok || count > room ||
      !slabs_of(env, call.values[3], &slabs) || !call.outlet->fits(messages, count, slabs))
    return refuse(env);
  return number_of(env, static_cast<int64_t>(call.outlet->produce(messages, count, slabs)));
}

// takePlacedReports(outlet, into: Int32Array): how many; each is an id, a code, a partition, an offset in two halves
napi_value take_placed_reports(napi_env env, napi_callback_info info) {
  const Call<2> call(env, info);
  Report* reports;
  size_t room;
  if (!call.ok || !numbers_of(env, call.values[1], &reports, &room)) return refuse(env);
  return number_of(env, static_cast<int64_t>(call.outlet->take(reports, room)));
}

// errorWords(outlet, code): librdkafka's words for one of its codes
napi_value error_words(napi_env env, napi_callback_info info) {
  const Call<2> call(env, info);
  int32_t code;
  if (!call.ok || napi_get_value_int32(env, call.values[1], &code) != napi_ok) return refuse(env);
  napi_value words = nullptr;
  const char* const text = rd_kafka_err2str(static_cast<rd_kafka_resp_err_t>(code));
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &words);
  return words;
}

// closeBatches(outlet): before the producer disconnects
napi_value close_batches(napi_env env, napi_callback_info info) {
  const Call<1> call(env, info);
  if (!call.ok) return refuse(env);
  call.outlet->close();
  return nullptr;
}

// freeBatches(outlet): when it has
napi_value free_batches(napi_env env, napi_callback_info info) {
  const Call<1> call(env, info);
  if (!call.ok) return refuse(env);
  for (std::unique_ptr<Outlet>& outlet : outlets())
    if (outlet.get() == call.outlet) outlet.reset();
  return nullptr;
}

constexpr struct {
  const char* name;
  napi_callback callback;
} kMethods[] = {
    {"internTopic", intern_topic},   {"internKey", intern_key},         {"internHeaders", intern_headers},
    {"forgetKeys", forget_keys},     {"forgetHeaders", forget_headers}, {"produceBatch", produce_batch},
    {"takePlacedReports", take_placed_reports},   {"errorWords", error_words},       {"closeBatches", close_batches},
    {"freeBatches", free_batches},
};

}  // namespace

bool install(napi_env env, napi_value exports, v8::Local<v8::Object> target) {
  keep_freed_memory();
  napi_value producer, prototype;
  if (napi_get_named_property(env, exports, "Producer", &producer) != napi_ok ||
      napi_get_named_property(env, producer, "prototype", &prototype) != napi_ok)
    return false;
  for (const auto& [name, callback] : kMethods) {
    napi_value method;
    if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &method) != napi_ok ||
        napi_set_named_property(env, prototype, name, method) != napi_ok)
      return false;
  }
  v8::Local<v8::Object> constructor =
      Nan::Get(target, Nan::New("Producer").ToLocalChecked()).ToLocalChecked().As<v8::Object>();
  v8::Local<v8::Object> methods =
      Nan::Get(constructor, Nan::New("prototype").ToLocalChecked()).ToLocalChecked().As<v8::Object>();
  v8::Local<v8::Function> open = Nan::GetFunction(Nan::New<v8::FunctionTemplate>(open_batches)).ToLocalChecked();
  return Nan::Set(methods, Nan::New("openBatches").ToLocalChecked(), open).FromMaybe(false);
}

}  // namespace batches
