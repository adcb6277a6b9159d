// V8 methods that the addon calls and Bun does not export, written in terms of those that it does.
#include <node.h>

#include <cmath>
#include <cstring>

#include "shim.h"

using v8::Array;
using v8::Context;
using v8::Function;
using v8::Isolate;
using v8::Just;
using v8::Local;
using v8::Maybe;
using v8::MaybeLocal;
using v8::Nothing;
using v8::Object;
using v8::String;
using v8::Value;

namespace {

struct Path {
  const char* global;
  const char* member;  // nullptr: the global itself
};

constexpr Path kPaths[] = {
    {"Object", nullptr}, {"Object", "keys"}, {"Reflect", "has"}, {"Reflect", "getPrototypeOf"},
    {"Boolean", nullptr}, {"Number", nullptr}, {"Function", nullptr}, {"Buffer", "from"},
};
static_assert(sizeof(kPaths) / sizeof(kPaths[0]) == static_cast<size_t>(shim::Builtin::count));

struct Cached {
  v8::Persistent<Object> receiver;
  v8::Persistent<Function> function;
};

Local<Value> get(Local<Object> object, const char* name) {
  Local<Value> value;
  Local<Context> context = Isolate::GetCurrent()->GetCurrentContext();
  if (!object->Get(context, shim::string_of(name)).ToLocal(&value) || !value->IsObject()) shim::die(name);
  return value;
}

// A produce with two headers calls Object.keys twice, so the look-up happens once, not in every call.
Cached* const builtins = new Cached[static_cast<size_t>(shim::Builtin::count)];

}  // namespace

namespace shim {

Local<String> string_of(const char* text) {
  return String::NewFromUtf8(Isolate::GetCurrent(), text).ToLocalChecked();
}

void prepare_builtins() {
  Isolate* isolate = Isolate::GetCurrent();
  Local<Object> global = isolate->GetCurrentContext()->Global();
  for (size_t i = 0; i < static_cast<size_t>(Builtin::count); i++) {
    Local<Value> owner = get(global, kPaths[i].global);
    Local<Value> function = kPaths[i].member == nullptr ? owner : get(owner.As<Object>(), kPaths[i].member);
    builtins[i].receiver.Reset(isolate, owner.As<Object>());
    builtins[i].function.Reset(isolate, function.As<Function>());
  }
}

MaybeLocal<Value> call(Builtin builtin, int argc, Local<Value> argv[]) {
  Isolate* isolate = Isolate::GetCurrent();
  const Cached& entry = builtins[static_cast<size_t>(builtin)];
  Local<Function> function = Local<Function>::New(isolate, entry.function);
  Local<Object> receiver = Local<Object>::New(isolate, entry.receiver);
  return function->Call(isolate->GetCurrentContext(), receiver, argc, argv);
}

}  // namespace shim

namespace v8 {

MaybeLocal<Object> Value::ToObject(Local<Context>) const {
  Local<Value> self = shim::local_of<Value>(this);
  if (self->IsObject()) return self.As<Object>();
  if (self->IsNullOrUndefined()) {
    Isolate::GetCurrent()->ThrowException(
        Exception::TypeError(shim::string_of("Cannot convert undefined or null to object")));
    return MaybeLocal<Object>();
  }
  Local<Value> object;
  if (!shim::call(shim::Builtin::ObjectConstructor, 1, &self).ToLocal(&object)) return MaybeLocal<Object>();
  return object.As<Object>();
}

Maybe<int64_t> Value::IntegerValue(Local<Context>) const {
  Local<Value> number = shim::local_of<Value>(this);
  if (!number->IsNumber() && !shim::call(shim::Builtin::NumberConstructor, 1, &number).ToLocal(&number))
    return Nothing<int64_t>();
  // Offsets and millisecond times are larger than an int32, so a double is read, not Integer::Value.
  const double value = number.As<Number>()->Value();
  if (std::isnan(value)) return Just<int64_t>(0);
  if (value >= 9223372036854775807.0) return Just(INT64_MAX);
  if (value <= -9223372036854775808.0) return Just(INT64_MIN);
  return Just(static_cast<int64_t>(value));
}

Maybe<int32_t> Value::Int32Value(Local<Context> context) const {
  Local<Int32> value;
  if (!ToInt32(context).ToLocal(&value)) return Nothing<int32_t>();
  return Just(value->Value());
}

bool Value::BooleanValue(Isolate*) const {
  Local<Value> self = shim::local_of<Value>(this);
  if (self->IsBoolean()) return self->IsTrue();
  Local<Value> truth;
  return shim::call(shim::Builtin::BooleanConstructor, 1, &self).ToLocal(&truth) && truth->IsTrue();
}

bool Value::IsRegExp() const {
  Local<Value> self = shim::local_of<Value>(this);
  if (!self->IsObject()) return false;
  Local<Value> prototype;
  if (!shim::call(shim::Builtin::ReflectGetPrototypeOf, 1, &self).ToLocal(&prototype)) return false;
  Local<Object> global = Isolate::GetCurrent()->GetCurrentContext()->Global();
  return prototype->StrictEquals(get(get(global, "RegExp").As<Object>(), "prototype"));
}

Local<String> RegExp::GetSource() const {
  Local<Context> context = Isolate::GetCurrent()->GetCurrentContext();
  Local<Value> source;
  if (!shim::local_of<Object>(this)->Get(context, shim::string_of("source")).ToLocal(&source))
    return shim::string_of("");
  return source.As<String>();
}

Maybe<bool> Object::Has(Local<Context>, Local<Value> key) {
  Local<Value> argv[] = {shim::local_of<Value>(this), key};
  Local<Value> found;
  if (!shim::call(shim::Builtin::ReflectHas, 2, argv).ToLocal(&found)) return Nothing<bool>();
  return Just(found->IsTrue());
}

// V8's default filter is: own, enumerable, no symbols. That is Object.keys.
MaybeLocal<Array> Object::GetOwnPropertyNames(Local<Context>) {
  Local<Value> self = shim::local_of<Value>(this);
  Local<Value> names;
  if (!shim::call(shim::Builtin::ObjectKeys, 1, &self).ToLocal(&names)) return MaybeLocal<Array>();
  return names.As<Array>();
}

// The addon reads the headers of a message as an array without asking whether they are one, and callers do
// pass null. V8 reads garbage then, mostly 0; Bun's function crashes. Everything else goes to Bun.
uint32_t Array::Length() const {
  using Method = uint32_t (*)(const Array*);
  static const Method length = reinterpret_cast<Method>(shim::of_bun("_ZNK2v85Array6LengthEv"));
  return shim::local_of<Value>(this)->IsArray() ? length(this) : 0;
}

}  // namespace v8
