// What the parts of the shim share. See ../README.md for why the shim exists.
#pragma once

#include <node_api.h>
#include <v8.h>

namespace shim {

// The Node-API environment of the last registration. Every uv_* call of the addon that needs an
// environment comes from the JavaScript thread, after registration.
napi_env environment();

// True while the addon fills its exports.
bool registering();

// Ends the process with a message. Only for states that would otherwise corrupt memory.
[[noreturn]] void die(const char* what);

// The address of a symbol of the Bun executable itself, also where the shim defines the same name.
void* of_bun(const char* mangled_name);

// A Local is one pointer: the address of its handle slot. Inside a V8 method `this` is that address.
template <class T, class Self>
v8::Local<T> local_of(const Self* slot) {
  static_assert(sizeof(v8::Local<T>) == sizeof(void*));
  v8::Local<T> local;
  *reinterpret_cast<const void**>(&local) = slot;
  return local;
}

// Calls a built-in function of the global object, for example {"Object", "keys"}, looked up once per
// process. Empty when the function threw: the exception is then pending, as V8 would leave it.
enum class Builtin { ObjectConstructor, ObjectKeys, ReflectHas, ReflectGetPrototypeOf, BooleanConstructor,
                     NumberConstructor, FunctionConstructor, BufferFrom, count };
v8::MaybeLocal<v8::Value> call(Builtin builtin, int argc, v8::Local<v8::Value> argv[]);


// Looks all of them up; runs during registration, for a look-up keeps persistent handles.
void prepare_builtins();

v8::Local<v8::String> string_of(const char* text);

}  // namespace shim
