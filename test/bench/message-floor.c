// What a Kafka message costs a program in C that does nothing else: librdkafka's own producer, with the settings, topics,
// keys, values, headers and ticks of message-client.ts, and one thread that sleeps between ticks.
//
//   message-floor BOOTSTRAP RATE WARM_UP_S SECONDS WINDOWS
//
// Prints one JSON line for each window, as message-client.ts does.
#include <malloc.h>
#include <rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { TOPICS = 2, KEYS = 600, VALUE_BYTES = 400, VALUES = 600, TICK_MS = 50, LOOK_MS = 4, KEPT = 4 << 20 };

static const char *const kSettings[][2] = {
    {"client.id", "floor"},
    {"enable.idempotence", "true"},
    {"acks", "all"},
    {"compression.codec", "lz4"},
    {"linger.ms", "1"},
    {"message.timeout.ms", "0"},
    {"partitioner", "murmur2_random"},
    {"queue.buffering.max.messages", "0"},
    {"queue.buffering.max.kbytes", "2147483647"},
    {"statistics.interval.ms", "5000"},
};

static long acknowledged;
static long failed;

static void reported(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
  (void)client, (void)opaque;
  if (message->err) failed++;
  else acknowledged++;
}

static void die(const char *why) {
  fprintf(stderr, "message-floor: %s\n", why);
  exit(1);
}

static double now_ms(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1e3 + at.tv_nsec / 1e6;
}

static double cpu_us(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 + used.ru_utime.tv_usec + used.ru_stime.tv_usec;
}

static void sleep_ms(double ms) {
  if (ms <= 0) return;
  const struct timespec wait = {(time_t)(ms / 1e3), (long)((ms - 1e3 * (time_t)(ms / 1e3)) * 1e6)};
  nanosleep(&wait, NULL);
}

static rd_kafka_t *connected(const char *bootstrap) {
  char why[512];
  rd_kafka_conf_t *const settings = rd_kafka_conf_new();
  if (rd_kafka_conf_set(settings, "bootstrap.servers", bootstrap, why, sizeof why)) die(why);
  for (size_t i = 0; i < sizeof kSettings / sizeof *kSettings; i++)
    if (rd_kafka_conf_set(settings, kSettings[i][0], kSettings[i][1], why, sizeof why)) die(why);
  rd_kafka_conf_set_dr_msg_cb(settings, reported);
  rd_kafka_t *const client = rd_kafka_new(RD_KAFKA_PRODUCER, settings, why, sizeof why);
  if (!client) die(why);
  return client;
}

static rd_kafka_headers_t *headers_of_all(void) {
  static const char *const texts[][2] = {
      {"content-type", "application/avro"}, {"schema-version", "1"}, {"fence", "1788335180101"}};
  rd_kafka_headers_t *const headers = rd_kafka_headers_new(3);
  for (int i = 0; i < 3; i++) rd_kafka_header_add(headers, texts[i][0], -1, texts[i][1], -1);
  return headers;
}

static void hand_over(rd_kafka_t *client, rd_kafka_topic_t *topic, long n, char *values, rd_kafka_headers_t *headers) {
  char key[32];
  const int length = snprintf(key, sizeof key, "binance|USDT-C%ld", n % KEYS);
  rd_kafka_vu_t parts[] = {
      {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic},
      {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
      {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {values + n % VALUES * VALUE_BYTES, VALUE_BYTES}},
      {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {key, (size_t)length}},
      {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = rd_kafka_headers_copy(headers)},
  };
  rd_kafka_error_t *const error = rd_kafka_produceva(client, parts, sizeof parts / sizeof *parts);
  if (error) die(rd_kafka_error_string(error));
}

int main(int count, char **arguments) {
  if (count != 6) die("wants BOOTSTRAP RATE WARM_UP_S SECONDS WINDOWS");
  const double rate = atof(arguments[2]), warm_up_ms = atof(arguments[3]) * 1e3;
  const double window_ms = atof(arguments[4]) * 1e3;
  int windows = atoi(arguments[5]);
  // As the addon does.
  mallopt(M_TRIM_THRESHOLD, KEPT);
  mallopt(M_MMAP_THRESHOLD, KEPT);
  rd_kafka_t *const client = connected(arguments[1]);
  rd_kafka_topic_t *topics[TOPICS];
  for (int i = 0; i < TOPICS; i++) {
    char name[32];
    snprintf(name, sizeof name, "messages-%d", i + 1);
    topics[i] = rd_kafka_topic_new(client, name, NULL);
  }
  const struct rd_kafka_metadata *known;
  if (rd_kafka_metadata(client, 0, topics[0], &known, 10000)) die("no broker answers");
  rd_kafka_metadata_destroy(known);
  static char values[VALUES * VALUE_BYTES];
  FILE *const noise = fopen("/dev/urandom", "r");
  if (!noise || fread(values, 1, sizeof values, noise) != sizeof values) die("there is no noise");
  fclose(noise);
  rd_kafka_headers_t *const headers = headers_of_all();

  const double started = now_ms();
  double tick = started, from = started + warm_up_ms, cpu = 0;
  long sent = 0, before = -1;
  for (int turn = 0; windows > 0; turn++) {
    const double now = now_ms();
    if (before >= 0 && now - from >= window_ms) {
      const double seconds = (now - from) / 1e3, used = cpu_us() - cpu;
      printf("{\"messages\":%ld,\"cpuUs\":%.0f,\"seconds\":%.6f}\n", acknowledged - before, used, seconds);
      windows--;
    }
    if (now >= from && (before < 0 || now - from >= window_ms)) {
      from = now;
      cpu = cpu_us();
      before = acknowledged;
    }
    for (const long due = (long)((now - started) / 1e3 * rate); sent < due; sent++)
      hand_over(client, topics[turn % TOPICS], sent, values, headers);
    for (tick += TICK_MS; acknowledged + failed < sent && now_ms() + LOOK_MS < tick;) {
      sleep_ms(LOOK_MS);
      rd_kafka_poll(client, 0);
    }
    sleep_ms(tick - now_ms());
    rd_kafka_poll(client, 0);
  }
  return failed > 0 || rd_kafka_flush(client, 10000) ? 1 : 0;
}
