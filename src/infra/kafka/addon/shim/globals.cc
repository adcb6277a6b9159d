// Persistent handles of small integers.
//
// produce() keeps the opaque value of every message in a persistent handle until the delivery report comes.
// Bun never reuses the slot of a handle that was disposed of: 25 bytes a message for a number, 80 for an
// object, for ever. So the writer passes small integers only, and their slots live here, where they are used
// again. A small integer is no pointer, so the garbage collector need not know the slot.
#include <dlfcn.h>
#include <sys/mman.h>
#include <v8.h>

#include "shim.h"

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

}  // namespace

namespace v8::api_internal {

Address* GlobalizeReference(internal::Isolate* isolate, Address value) {
  if (is_small_integer(value)) {
    Address* const slot = arena().take(value);
    if (slot != nullptr) return slot;
  }
  using Function = Address* (*)(internal::Isolate*, Address);
  static const Function bun = reinterpret_cast<Function>(
      shim::of_bun("_ZN2v812api_internal18GlobalizeReferenceEPNS_8internal7IsolateEm"));
  return bun(isolate, value);
}

void DisposeGlobal(Address* slot) {
  if (arena().owns(slot)) return arena().give_back(slot);
  using Function = void (*)(Address*);
  static const Function bun =
      reinterpret_cast<Function>(shim::of_bun("_ZN2v812api_internal13DisposeGlobalEPm"));
  bun(slot);
}

}  // namespace v8::api_internal
