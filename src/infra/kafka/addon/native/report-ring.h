// Delivery reports on their way from librdkafka's threads to JavaScript.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

namespace batches {

// What became of one message.
struct Report {
  int32_t id;
  int32_t code;         // librdkafka's; 0 where it was acknowledged
  int32_t partition;    // where it lies then
  int32_t offset_high;  // of 64 bits; negative where no offset is known
  uint32_t offset_low;
};

// A ring with a place for every message that librdkafka has, taken before the message is handed over: so a report
// always finds room, no thread of librdkafka waits or allocates here, and none is ever dropped. Where all places are
// taken, no message is handed over.
//
// A lock, because reports come from any thread that polls, a flush included. It is held for a few instructions.
class ReportRing {
 public:
  // Messages under way at most; 20 bytes each.
  static constexpr size_t kMost = size_t{1} << 20;

  // Takes places for so many messages; returns how many there were. Grows the ring where it has to.
  size_t reserve(size_t count);

  // Gives places back whose messages were not handed over.
  void give_back(size_t count);

  void put(Report report);

  // Moves the oldest reports to `into`, at most `room`; returns how many.
  size_t take(Report* into, size_t room);

 private:
  void grow(size_t wanted);

  std::mutex lock_;
  std::unique_ptr<Report[]> ring_;
  size_t size_ = 0;      // of the ring: 0 or a power of two
  size_t reserved_ = 0;  // places taken, those of the reports in the ring included
  size_t first_ = 0;     // counts up for ever, as does the next
  size_t next_ = 0;
};

}  // namespace batches
