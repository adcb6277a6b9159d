// How the addon comes to life under Bun.
//
// The addon is a V8 addon: a static constructor hands a module record to node_module_register(), and the
// record's function fills the exports. Bun could run that itself, but then the addon would never see a
// Node-API environment, which uv.cc needs to reach the event loop. So the shim registers as a Node-API
// module, and passes the call on to the record.
#include <dlfcn.h>
#include <node.h>

#include <cstdio>
#include <cstdlib>

#include "../native/batches.h"
#include "shim.h"

namespace {

node::node_module* record = nullptr;
napi_env current_environment = nullptr;
bool is_registering = false;

// Node-API and V8 handles have no common form. A property of the global object carries the exports from
// one to the other; it exists only while the module registers.
constexpr char kBridge[] = "__kafka_addon_exports";

bool ok(napi_status status) { return status == napi_ok; }

}  // namespace

namespace shim {

napi_env environment() {
  if (current_environment == nullptr) die("called before the addon was registered");
  return current_environment;
}

bool registering() { return is_registering; }

void die(const char* what) {
  std::fprintf(stderr, "kafka addon shim: %s\n", what);
  std::abort();
}

void* of_bun(const char* mangled_name) {
  // RTLD_DEFAULT would search this library as well and find the shim's own definition. A handle of the
  // executable does not.
  static void* const executable = dlopen(nullptr, RTLD_LAZY);
  void* const found = executable == nullptr ? nullptr : dlsym(executable, mangled_name);
  if (found == nullptr) {
    std::fprintf(stderr, "kafka addon shim: this version of Bun does not export %s\n", mangled_name);
    std::abort();
  }
  return found;
}

}  // namespace shim

// exports.map keeps this definition inside the library: the addon calls it instead of Bun's.
extern "C" void node_module_register(void* module) { record = static_cast<node::node_module*>(module); }

extern "C" NAPI_MODULE_EXPORT int32_t node_api_module_get_api_version_v1() { return 8; }

// May run more than once in a process: a test runner loads the addon anew for every test file.
extern "C" NAPI_MODULE_EXPORT napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  current_environment = env;
  if (record == nullptr) {
    napi_throw_error(env, nullptr, "kafka addon shim: the addon did not register itself");
    return nullptr;
  }
  napi_value global;
  if (!ok(napi_get_global(env, &global)) || !ok(napi_set_named_property(env, global, kBridge, exports))) {
    napi_throw_error(env, nullptr, "kafka addon shim: cannot hand the exports to V8");
    return nullptr;
  }

  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  v8::HandleScope scope(isolate);
  v8::Local<v8::Context> context = isolate->GetCurrentContext();
  v8::Local<v8::Value> target;
  if (!context->Global()->Get(context, shim::string_of(kBridge)).ToLocal(&target) || !target->IsObject()) {
    napi_throw_error(env, nullptr, "kafka addon shim: the exports did not arrive in V8");
    return nullptr;
  }
  napi_value bridge_name;
  bool deleted;
  if (ok(napi_create_string_utf8(env, kBridge, NAPI_AUTO_LENGTH, &bridge_name)))
    napi_delete_property(env, global, bridge_name, &deleted);

  is_registering = true;
  shim::prepare_builtins();
  if (record->nm_register_func != nullptr)
    record->nm_register_func(target.As<v8::Object>(), v8::Local<v8::Value>(), record->nm_priv);
  else
    record->nm_context_register_func(target.As<v8::Object>(), v8::Local<v8::Value>(), context,
                                     record->nm_priv);
  const bool complete = batches::install(env, exports, target.As<v8::Object>());
  is_registering = false;
  if (!complete) napi_throw_error(env, nullptr, "kafka addon shim: the addon has no Producer to extend");
  return exports;
}
