import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Reads Avro data topics by the reader's rules and prints a row a line. Needs kafka-clients, avro and jackson-databind.
 *
 * <pre>KAFKA_BOOTSTRAP_SERVERS=… SCHEMA_REGISTRY_URL=… java -cp '…' Reader trade-data.korea</pre>
 */
public final class Reader {
  /** Repeats come close to a restart: this many trades of a market are remembered. */
  private static final int REMEMBERED = 10_000;

  private final Map<String, Long> fences = new HashMap<>();
  private final Map<String, Map<String, Boolean>> trades = new HashMap<>();
  private final Map<Integer, GenericDatumReader<GenericRecord>> decoders = new HashMap<>();
  private final HttpClient http = HttpClient.newHttpClient();

  /**
   * Whether to keep the message: it comes from the holder of its code, from a collector that runs alone (no fence), or
   * brings afterwards what was missing (late), whoever held the code then.
   */
  private boolean fresh(ConsumerRecord<String, byte[]> message) {
    var header = message.headers().lastHeader("fence");
    if (header == null || message.headers().lastHeader("late") != null) return true;
    long fence = Long.parseLong(new String(header.value(), StandardCharsets.UTF_8));
    String at = message.topic() + " " + message.key();
    if (fence < fences.getOrDefault(at, 0L)) return false;
    fences.put(at, fence);
    return true;
  }

  /** Whether the trade comes for the first time. Tickers have no id: they are states, and a repeat does no harm. */
  private boolean isNew(GenericRecord batch, GenericRecord row) {
    if (row.getSchema().getField("trade_id") == null) return true;
    var seen = trades.computeIfAbsent(batch.get("exchange") + " " + batch.get("symbol"), market -> bounded());
    return seen.put(row.get("trade_id").toString(), true) == null;
  }

  private static Map<String, Boolean> bounded() {
    return new LinkedHashMap<>() {
      @Override
      protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) {
        return size() > REMEMBERED;
      }
    };
  }

  /** The Confluent wire format: a byte 0, the schema's id in four bytes, the body. */
  private GenericRecord decode(byte[] value) throws Exception {
    var buffer = ByteBuffer.wrap(value);
    if (buffer.get() != 0) throw new IllegalArgumentException("not Avro");
    int id = buffer.getInt();
    var decoder = decoders.get(id);
    if (decoder == null) {
      decoder = new GenericDatumReader<>(schema(id));
      decoders.put(id, decoder);
    }
    return decoder.read(null, DecoderFactory.get().binaryDecoder(value, buffer.position(), buffer.remaining(), null));
  }

  private Schema schema(int id) throws Exception {
    var address = URI.create(System.getenv("SCHEMA_REGISTRY_URL") + "/schemas/ids/" + id);
    var request = HttpRequest.newBuilder(address).timeout(Duration.ofSeconds(10)).build();
    var answer = http.send(request, BodyHandlers.ofString());
    if (answer.statusCode() != 200) throw new IllegalStateException("the registry has no schema " + id);
    return new Schema.Parser().parse(new ObjectMapper().readTree(answer.body()).get("schema").asText());
  }

  private void run(List<String> topics) throws Exception {
    Map<String, Object> options = Map.of(
        "bootstrap.servers", System.getenv("KAFKA_BOOTSTRAP_SERVERS"),
        "group.id", System.getenv().getOrDefault("GROUP_ID", "reader"),
        "auto.offset.reset", "earliest");
    try (var consumer = new KafkaConsumer<>(options, new StringDeserializer(), new ByteArrayDeserializer())) {
      consumer.subscribe(topics);
      while (true) {
        for (var message : consumer.poll(Duration.ofSeconds(1))) {
          if (message.value() == null || !fresh(message)) continue;
          var batch = decode(message.value());
          for (Object item : (Iterable<?>) batch.get("data")) {
            var row = (GenericRecord) item;
            if (!isNew(batch, row)) continue;
            System.out.println(batch.get("exchange") + " " + batch.get("code") + " " + row);
          }
        }
      }
    }
  }

  public static void main(String[] topics) throws Exception {
    new Reader().run(topics.length > 0 ? List.of(topics) : List.of("trade-data.korea"));
  }
}
