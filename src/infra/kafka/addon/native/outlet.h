// One producer's way for many messages at once.
#pragma once

#include <nan.h>

#include <string>
#include <vector>

#include "rdkafka.h"
#include "rdkafkacpp.h"
#include "report-ring.h"
#include "src/producer.h"

namespace batches {

// A message in a batch, as JavaScript describes it: ten numbers of 32 bits.
struct Descriptor {
  int32_t topic;    // number of an interned topic
  int32_t key;      // number of an interned key; kNone for a message without
  int32_t headers;  // number of an interned set; kNone
  int32_t slab;     // index in the list of memory blocks that the call hands over
  int32_t offset;   // of the value in it, bytes
  int32_t length;
  int32_t id;       // not negative; comes back in the report
  int32_t time_high;  // Kafka's time of the message, epoch ms; 0: librdkafka's clock
  uint32_t time_low;
  int32_t code;     // out: librdkafka's, 0 where a report will follow, or kNotTried
};

struct Slab {
  const char* memory;
  size_t length;
};

constexpr int32_t kNone = -1;
// Of a message behind one of its topic that was not taken: handed over, it would overtake.
constexpr int32_t kNotTried = 1 << 30;

// Takes the reports of messages with an id of ours; hands all others to whoever was set before. librdkafka has it
// through its public configuration (dr_msg_cb).
class Gatherer : public RdKafka::DeliveryReportCb {
 public:
  void dr_cb(RdKafka::Message& message) override;

  ReportRing ring;
  RdKafka::DeliveryReportCb* other = nullptr;
};

// All calls come from the JavaScript thread.
class Outlet {
 public:
  // Before the producer connects. On failure `error` says why.
  static Outlet* open(NodeKafka::Producer* producer, std::string* error);

  int32_t intern_topic(std::string name);
  int32_t intern_key(std::string key);
  // Owns the set from now on.
  int32_t intern_headers(rd_kafka_headers_t* headers);
  void forget_keys() { keys_.clear(); }
  void forget_headers();

  // Whether every number in the descriptors names something that is there.
  bool fits(const Descriptor* messages, size_t count, const std::vector<Slab>& slabs) const;

  // Hands messages over in their order, and writes each one's code. Of a topic of which one is not taken none is
  // tried after it. Returns how many were taken.
  size_t produce(Descriptor* messages, size_t count, const std::vector<Slab>& slabs);

  // Serves what librdkafka has to tell, callbacks of events included, then takes reports.
  size_t take(Report* into, size_t room);

  // Before the producer disconnects: lets go of what belongs to the client. Nothing is taken afterwards.
  void close();

  // Once it has disconnected, when no report can come any more.
  ~Outlet();

 private:
  struct Topic {
    std::string name;
    rd_kafka_topic_t* handle;
    bool stopped;  // in this batch
  };

  explicit Outlet(NodeKafka::Producer* producer) : producer_(producer) {}
  rd_kafka_resp_err_t hand_over(const Descriptor& message, const char* value, rd_kafka_t* client);

  NodeKafka::Producer* const producer_;
  Gatherer gatherer_;
  bool closed_ = false;
  std::vector<Topic> topics_;
  std::vector<std::string> keys_;
  std::vector<rd_kafka_headers_t*> headers_;
};

}  // namespace batches
