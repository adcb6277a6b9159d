#include "outlet.h"

#include <utility>

namespace batches {

namespace {

// What the package keeps for the classes derived from its own.
struct Inside : NodeKafka::Connection {
  static NodeKafka::Conf* configuration(NodeKafka::Connection* connection) {
    return connection->*(&Inside::m_gconfig);
  }
  static uv_rwlock_t& lock(NodeKafka::Connection* connection) {
    return connection->*(&Inside::m_connection_lock);
  }
};

// The package's own opaques are pointers, whose lowest bit is 0.
void* opaque_of(int32_t id) {
  return reinterpret_cast<void*>((static_cast<uintptr_t>(static_cast<uint32_t>(id)) << 1) | 1);
}

}  // namespace

void Gatherer::dr_cb(RdKafka::Message& message) {
  const uintptr_t opaque = reinterpret_cast<uintptr_t>(message.msg_opaque());
  if ((opaque & 1) == 0) {
    if (other != nullptr) other->dr_cb(message);
    return;
  }
  const int64_t offset = message.offset();
  ring.put({static_cast<int32_t>(opaque >> 1), static_cast<int32_t>(message.err()), message.partition(),
            static_cast<int32_t>(offset >> 32), static_cast<uint32_t>(offset)});
}

Outlet* Outlet::open(NodeKafka::Producer* producer, std::string* error) {
  if (producer->GetClient() != nullptr) {
    *error = "the producer is connected";
    return nullptr;
  }
  NodeKafka::Conf* const configuration = Inside::configuration(producer);
  Outlet* const outlet = new Outlet(producer);
  configuration->get(outlet->gatherer_.other);
  if (configuration->set("dr_cb", &outlet->gatherer_, *error) == RdKafka::Conf::CONF_OK) return outlet;
  delete outlet;
  return nullptr;
}

int32_t Outlet::intern_topic(std::string name) {
  topics_.push_back({std::move(name), nullptr, false});
  return static_cast<int32_t>(topics_.size()) - 1;
}

int32_t Outlet::intern_key(std::string key) {
  keys_.push_back(std::move(key));
  return static_cast<int32_t>(keys_.size()) - 1;
}

int32_t Outlet::intern_headers(rd_kafka_headers_t* headers) {
  headers_.push_back(headers);
  return static_cast<int32_t>(headers_.size()) - 1;
}

void Outlet::forget_headers() {
  for (rd_kafka_headers_t* headers : headers_) rd_kafka_headers_destroy(headers);
  headers_.clear();
}

bool Outlet::fits(const Descriptor* messages, size_t count, const std::vector<Slab>& slabs) const {
  // A negative number is a huge one.
  const auto below = [](int32_t number, size_t size) { return static_cast<uint32_t>(number) < size; };
  for (size_t i = 0; i < count; i++) {
    const Descriptor& message = messages[i];
    if (!below(message.topic, topics_.size()) || !below(message.slab, slabs.size())) return false;
    if (message.key != kNone && !below(message.key, keys_.size())) return false;
    if (message.headers != kNone && !below(message.headers, headers_.size())) return false;
    if (message.offset < 0 || message.length < 0 || message.id < 0) return false;
    if (static_cast<size_t>(message.offset) + static_cast<size_t>(message.length) > slabs[message.slab].length)
      return false;
  }
  return true;
}

size_t Outlet::produce(Descriptor* messages, size_t count, const std::vector<Slab>& slabs) {
  NodeKafka::scoped_shared_read_lock hold(Inside::lock(producer_));
  const bool connected = !closed_ && producer_->IsConnected();
  rd_kafka_t* const client = connected ? producer_->GetClient()->c_ptr() : nullptr;
  const size_t places = connected ? gatherer_.ring.reserve(count) : 0;
  size_t taken = 0;
  for (Topic& topic : topics_) topic.stopped = false;
  for (size_t i = 0; i < count; i++) {
    Descriptor& message = messages[i];
    Topic& topic = topics_[message.topic];
    if (topic.stopped) {
      message.code = kNotTried;
      continue;
    }
    if (!connected)
      message.code = RD_KAFKA_RESP_ERR__STATE;
    else if (taken == places)
      message.code = RD_KAFKA_RESP_ERR__QUEUE_FULL;
    else
      message.code = hand_over(message, slabs[message.slab].memory + message.offset, client);
    if (message.code == RD_KAFKA_RESP_ERR_NO_ERROR)
      taken++;
    else
      topic.stopped = true;
  }
  gatherer_.ring.give_back(places - taken);
  return taken;
}

rd_kafka_resp_err_t Outlet::hand_over(const Descriptor& message, const char* value, rd_kafka_t* client) {
  Topic& topic = topics_[message.topic];
  if (topic.handle == nullptr) topic.handle = rd_kafka_topic_new(client, topic.name.c_str(), nullptr);
  if (topic.handle == nullptr) return rd_kafka_last_error();

  rd_kafka_vu_t parts[7];
  size_t count = 0;
  const auto part = [&](rd_kafka_vtype_t type) -> rd_kafka_vu_t& {
    parts[count].vtype = type;
    return parts[count++];
  };
  part(RD_KAFKA_VTYPE_RKT).u.rkt = topic.handle;
  part(RD_KAFKA_VTYPE_MSGFLAGS).u.i = RD_KAFKA_MSG_F_COPY;
  part(RD_KAFKA_VTYPE_OPAQUE).u.ptr = opaque_of(message.id);
  auto& memory = part(RD_KAFKA_VTYPE_VALUE).u.mem;
  memory.ptr = const_cast<char*>(value);
  memory.size = static_cast<size_t>(message.length);
  const int64_t time = static_cast<int64_t>(message.time_high) << 32 | message.time_low;
  if (time != 0) part(RD_KAFKA_VTYPE_TIMESTAMP).u.i64 = time;
  if (message.key != kNone) {
    const std::string& key = keys_[message.key];
    auto& bytes = part(RD_KAFKA_VTYPE_KEY).u.mem;
    bytes.ptr = const_cast<char*>(key.data());
    bytes.size = key.size();
  }
  rd_kafka_headers_t* const headers =
      message.headers == kNone ? nullptr : rd_kafka_headers_copy(headers_[message.headers]);
  if (headers != nullptr) part(RD_KAFKA_VTYPE_HEADERS).u.headers = headers;

  rd_kafka_error_t* const error = rd_kafka_produceva(client, parts, count);
  if (error == nullptr) return RD_KAFKA_RESP_ERR_NO_ERROR;
  // What it does not take stays ours.
  if (headers != nullptr) rd_kafka_headers_destroy(headers);
  const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
  rd_kafka_error_destroy(error);
  return code;
}

size_t Outlet::take(Report* into, size_t room) {
  {
    NodeKafka::scoped_shared_read_lock hold(Inside::lock(producer_));
    if (!closed_ && producer_->IsConnected()) rd_kafka_poll(producer_->GetClient()->c_ptr(), 0);
  }
  return gatherer_.ring.take(into, room);
}

void Outlet::close() {
  closed_ = true;
  for (Topic& topic : topics_)
    if (topic.handle != nullptr) rd_kafka_topic_destroy(std::exchange(topic.handle, nullptr));
}

Outlet::~Outlet() {
  forget_headers();
}

}  // namespace batches
