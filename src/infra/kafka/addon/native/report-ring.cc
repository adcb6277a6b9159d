#include "report-ring.h"

#include <algorithm>
#include <utility>

namespace batches {

namespace {
constexpr size_t kSmallest = 1024;
}

size_t ReportRing::reserve(size_t count) {
  const std::lock_guard<std::mutex> hold(lock_);
  const size_t granted = std::min(count, kMost - reserved_);
  reserved_ += granted;
  if (reserved_ > size_) grow(reserved_);
  return granted;
}

void ReportRing::give_back(size_t count) {
  const std::lock_guard<std::mutex> hold(lock_);
  reserved_ -= count;
}

void ReportRing::put(Report report) {
  const std::lock_guard<std::mutex> hold(lock_);
  ring_[next_++ & (size_ - 1)] = report;
}

size_t ReportRing::take(Report* into, size_t room) {
  const std::lock_guard<std::mutex> hold(lock_);
  const size_t taken = std::min(room, next_ - first_);
  for (size_t i = 0; i < taken; i++) into[i] = ring_[first_++ & (size_ - 1)];
  reserved_ -= taken;
  return taken;
}

void ReportRing::grow(size_t wanted) {
  size_t size = std::max(size_, kSmallest);
  while (size < wanted) size *= 2;
  std::unique_ptr<Report[]> ring(new Report[size]);
  for (size_t i = first_; i != next_; i++) ring[i & (size - 1)] = ring_[i & (size_ - 1)];
  ring_ = std::move(ring);
  size_ = size;
}

}  // namespace batches
