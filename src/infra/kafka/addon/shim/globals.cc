// Persistent handles whose slots are used again.
//
// Bun never frees a persistent handle: V8's inlined code copies the content of its slot into local handles,
// so Bun cannot know when the last copy is gone, and keeps slot and object for ever. The addon makes one for
// the opaque value of every message, and two for every asynchronous call (the callback, and an object that
// stands for the call): 25 to 80 bytes a message and 600 a call. A collector makes millions of both. So those
// three kinds live here; the rest (constructors, wrapped clients) are few and stay with Bun.
//
//   small integers   slots of our own. They are no pointers, so the garbage collector need not know them.
//   functions        trampolines from a pool: functions that Bun keeps for ever, each calling the function
//                    that it stands for at the time. The addon only ever calls what it keeps.
//   empty objects    one and the same object: the addon never reads or writes it.
//
// An opaque value that is neither a small integer nor undefined still leaks, which is why the writer passes
// small integers.
#include <sys/mman.h>
#include <v8.h>

#include <unordered_map>
#include <vector>

#include "shim.h"

using v8::Context;
using v8::Function;
using v8::HandleScope;
using v8::Integer;
using v8::Isolate;
using v8::Local;
using v8::Object;
using v8::Value;
using v8::internal::Address;

namespace {

// In V8's tagging the lowest bit of a pointer is 1, that of a small integer 0.
bool is_small_integer(Address value) { return (value & 1) == 0; }

// 4 million slots, one for each message between produce() and its report. The pages cost memory only once
// used. Beyond that number Bun's own slots serve. All calls come from the JavaScript thread.
class Arena {
 public:
  Arena() {
    void* const memory = mmap(nullptr, kSlots * sizeof(Address), PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return;
    fresh_ = begin_ = static_cast<Address*>(memory);
    end_ = begin_ + kSlots;
  }

  Address* take(Address value) {
    Address* slot = free_;
    if (slot != nullptr)
      free_ = reinterpret_cast<Address*>(*slot);
    else if (fresh_ != end_)
      slot = fresh_++;
    else
      return nullptr;
    *slot = value;
    return slot;
  }

  // By address: a slot of Bun's may hold a small integer too.
  bool owns(const Address* slot) const { return slot >= begin_ && slot < end_; }

  // A free slot holds the address of the next free one.
  void give_back(Address* slot) {
    *slot = reinterpret_cast<Address>(free_);
    free_ = slot;
  }

 private:
  static constexpr size_t kSlots = size_t{1} << 22;
  Address* begin_ = nullptr;
  Address* end_ = nullptr;
  Address* fresh_ = nullptr;
  Address* free_ = nullptr;
};

Arena& arena() {
  static Arena* const instance = new Arena;
  return *instance;
}

Address* bun_globalize(v8::internal::Isolate* isolate, Address value) {
  using Globalize = Address* (*)(v8::internal::Isolate*, Address);
  static const Globalize bun = reinterpret_cast<Globalize>(
      shim::of_bun("_ZN2v812api_internal18GlobalizeReferenceEPNS_8internal7IsolateEm"));
  return bun(isolate, value);
}

void bun_dispose(Address* slot) {
  using Dispose = void (*)(Address*);
  static const Dispose bun =
      reinterpret_cast<Dispose>(shim::of_bun("_ZN2v812api_internal13DisposeGlobalEPm"));
  bun(slot);
}

Address* keep(Isolate* isolate, Local<Value> value) {
  // A Local is the address of a slot, and the slot holds the value.
  const Address content = **reinterpret_cast<Address**>(&value);
  return bun_globalize(reinterpret_cast<v8::internal::Isolate*>(isolate), content);
}

Local<Value> read(Isolate* isolate, Address* slot) {
  // As V8's Local::New does: a fresh local slot with a copy of the value.
  return Local<Value>::New(isolate, shim::local_of<Value>(slot));
}

// One trampoline for each function that the addon keeps at the same time.
class Trampolines {
 public:
  Address* take(Isolate* isolate, Local<Value> function) {
    Local<Context> context = isolate->GetCurrentContext();
    if (free_.empty()) add(isolate, context);
    const uint32_t index = free_.back();
    free_.pop_back();
    targets(isolate)->Set(context, index, function).Check();
    return slots_[index];
  }

  // False if the slot is none of these.
  bool give_back(Address* slot) {
    const auto found = indices_.find(slot);
    if (found == indices_.end()) return false;
    Isolate* isolate = Isolate::GetCurrent();
    HandleScope scope(isolate);
    targets(isolate)->Set(isolate->GetCurrentContext(), found->second, v8::Undefined(isolate)).Check();
    free_.push_back(found->second);
    return true;
  }

 private:
  Local<Object> targets(Isolate* isolate) { return read(isolate, targets_).As<Object>(); }

  void add(Isolate* isolate, Local<Context> context) {
    if (targets_ == nullptr) start(isolate, context);
    const uint32_t index = static_cast<uint32_t>(slots_.size());
    Local<Value> argv[] = {targets(isolate), Integer::New(isolate, static_cast<int32_t>(index))};
    Local<Function> factory = read(isolate, factory_).As<Function>();
    Local<Value> trampoline = factory->Call(context, context->Global(), 2, argv).ToLocalChecked();
    Address* const slot = keep(isolate, trampoline);
    slots_.push_back(slot);
    indices_.emplace(slot, index);
    free_.push_back(index);
  }

  // The trampolines are JavaScript, which JavaScriptCore compiles, because every delivery report passes one.
  // They also keep exceptions out of the addon: Node raises 'uncaughtException' at once when a callback
  // throws, Bun leaves the exception pending, and the addon's next V8 call would end the process.
  void start(Isolate* isolate, Local<Context> context) {
    Local<Value> argv[] = {shim::string_of("targets"), shim::string_of("index"), shim::string_of(R"(
      return function (...values) {
        try {
          return targets[index].apply(this, values);
        } catch (error) {
          queueMicrotask(() => {
            throw error;
          });
        }
      };)")};
    factory_ = keep(isolate, shim::call(shim::Builtin::FunctionConstructor, 3, argv).ToLocalChecked());
    targets_ = keep(isolate, v8::Array::New(isolate));
  }

  Address* targets_ = nullptr;
  Address* factory_ = nullptr;
  std::vector<Address*> slots_;
  std::vector<uint32_t> free_;
  std::unordered_map<Address*, uint32_t> indices_;
};

Trampolines& trampolines() {
  static Trampolines* const instance = new Trampolines;
  return *instance;
}

// A plain {}: no keys, and of no class, whose private state nobody could see from here.
bool is_empty_object(Isolate* isolate, Local<Value> value) {
  if (!value->IsObject() || value->IsArray() || value.As<Object>()->InternalFieldCount() != 0) return false;
  Local<Value> prototype;
  if (!shim::call(shim::Builtin::ReflectGetPrototypeOf, 1, &value).ToLocal(&prototype)) return false;
  Local<Value> plain = Object::New(isolate);
  Local<Value> plain_prototype;
  if (!shim::call(shim::Builtin::ReflectGetPrototypeOf, 1, &plain).ToLocal(&plain_prototype)) return false;
  if (!prototype->StrictEquals(plain_prototype)) return false;
  Local<v8::Array> keys;
  Local<Context> context = isolate->GetCurrentContext();
  return value.As<Object>()->GetOwnPropertyNames(context).ToLocal(&keys) && keys->Length() == 0;
}

Address* the_empty_object = nullptr;

}  // namespace

namespace v8::api_internal {

Address* GlobalizeReference(internal::Isolate* internal_isolate, Address value) {
  if (is_small_integer(value)) {
    Address* const slot = arena().take(value);
    return slot != nullptr ? slot : bun_globalize(internal_isolate, value);
  }
  // What is kept while the addon registers are its constructors, and the shim's own built-ins.
  if (shim::registering()) return bun_globalize(internal_isolate, value);

  Isolate* isolate = reinterpret_cast<Isolate*>(internal_isolate);
  HandleScope scope(isolate);
  Local<Value> local = shim::local_of<Value>(&value);
  if (local->IsFunction()) return trampolines().take(isolate, local);
  if (is_empty_object(isolate, local)) {
    if (the_empty_object == nullptr) the_empty_object = bun_globalize(internal_isolate, value);
    return the_empty_object;
  }
  return bun_globalize(internal_isolate, value);
}

void DisposeGlobal(Address* slot) {
  if (arena().owns(slot)) return arena().give_back(slot);
  if (slot == the_empty_object || trampolines().give_back(slot)) return;
  bun_dispose(slot);
}

}  // namespace v8::api_internal
