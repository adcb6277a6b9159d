// node::Buffer and node::Encode, which Bun does not export to V8 addons.
#include <node.h>
#include <node_buffer.h>

#include <cstdlib>
#include <cstring>

#include "shim.h"

using v8::ArrayBuffer;
using v8::ArrayBufferView;
using v8::Integer;
using v8::Isolate;
using v8::Local;
using v8::MaybeLocal;
using v8::Object;
using v8::String;
using v8::Value;

namespace {

// A Buffer of its own memory with a copy of the bytes.
MaybeLocal<Object> copy_of(Isolate* isolate, const char* bytes, size_t length) {
  Local<ArrayBuffer> memory = ArrayBuffer::New(isolate, length);
  if (length > 0) std::memcpy(memory->GetBackingStore()->Data(), bytes, length);
  Local<Value> argv[] = {memory};
  Local<Value> buffer;
  if (!shim::call(shim::Builtin::BufferFrom, 1, argv).ToLocal(&buffer)) return MaybeLocal<Object>();
  return buffer.As<Object>();
}

}  // namespace

namespace node {
namespace Buffer {

bool HasInstance(Local<Value> value) { return value->IsUint8Array(); }

size_t Length(Local<Value> value) { return value.As<ArrayBufferView>()->ByteLength(); }
size_t Length(Local<Object> value) { return value.As<ArrayBufferView>()->ByteLength(); }

char* Data(Local<Value> value) {
  Local<ArrayBufferView> view = value.As<ArrayBufferView>();
  char* const memory = static_cast<char*>(view->Buffer()->GetBackingStore()->Data());
  return memory == nullptr ? nullptr : memory + view->ByteOffset();
}
char* Data(Local<Object> value) { return Data(value.As<Value>()); }

// Takes the memory over, as Node does, but copies it: freeing it when the garbage collector lets the Buffer
// go would need a finalizer, and the addon only makes small ones (keys and values of delivery reports).
MaybeLocal<Object> New(Isolate* isolate, char* data, size_t length) {
  MaybeLocal<Object> buffer = copy_of(isolate, data, length);
  std::free(data);
  return buffer;
}

}  // namespace Buffer

// The addon encodes the key, the value and the headers of a consumed message, always as a Buffer.
MaybeLocal<Value> TryEncode(Isolate* isolate, const char* bytes, size_t length, enum encoding encoding) {
  if (encoding != BUFFER) shim::die("only Buffers can be encoded");
  Local<Object> buffer;
  if (!copy_of(isolate, bytes, length).ToLocal(&buffer)) return MaybeLocal<Value>();
  return buffer;
}

}  // namespace node
