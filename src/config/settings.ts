import { z } from 'zod';
import { EXCHANGES } from '../../exchanges/index.ts';
import { didYouMean } from '../common/nearest.ts';
import { REQUEST_TYPES } from '../core/market/market.ts';
import { setting } from './setting.ts';

/**
 * Every setting of the program, declared once: type, default, environment name and meaning. Validation, `help
 * settings` and the reference table in docs/settings.md are made of this. It is one table, however long: whoever looks for
 * a setting looks here.
 */

const text = z.string().trim();
const optionalText = text.min(1).nullable().default(null);
const optionalUrl = text
  .refine(
    (value) => URL.canParse(value) && /^(wss?|https?):\/\//i.test(value),
    'is no ws, wss, http or https URL',
  )
  .nullable()
  .default(null);
const isRedisUrl = (value: string) => URL.canParse(value.trim()) && /^\s*rediss?:\/\/./i.test(value);
const count = z.int().positive();
/** What timers hold, and the numbers of librdkafka and Redis: 24 days. */
const LONGEST_MS = 2 ** 31 - 1;
const milliseconds = z.int().nonnegative().max(LONGEST_MS);
const positiveMs = z.int().positive().max(LONGEST_MS);
const port = z.int().positive().max(65_535);
/** Words of other programs' settings, in whatever case those write them. */
const anyCase = <T extends z.ZodType>(type: T) =>
  z.preprocess((value) => (typeof value === 'string' ? value.toLowerCase() : value), type);
const list = z.preprocess(
  (value) => (typeof value === 'string' ? value.split(',').map((part) => part.trim()) : value),
  z.array(text.min(1)),
);

const messaging = z.strictObject({
  driver: setting(
    z.enum(['kafka', 'embedded', 'stdout']).nullable().default(null),
    'Where rows go. Unset: kafka when kafka.bootstrap_servers is set, else embedded (a trial broker inside the process, not durable).',
    { env: ['MESSAGING_DRIVER'] },
  ),
  use_avro: setting(
    z.boolean().nullable().default(null),
    'Avro on the Avro topics; false writes JSON with the same fields. Unset: true when a schema registry is set.',
    { env: ['MESSAGING_USE_AVRO'] },
  ),
});

const breaker = (openMs: number) =>
  z.strictObject({
    failure_threshold: setting(count.default(5), 'Failures within the window that open the breaker.'),
    window_ms: setting(milliseconds.default(300_000), 'Sliding window of the failures, in ms.'),
    open_ms: setting(
      milliseconds.default(openMs),
      'How long the open breaker refuses before it lets a trial through, in ms.',
    ),
    half_open_max_calls: setting(count.default(3), 'Trials let through while half open.'),
    success_threshold: setting(count.default(2), 'Successful trials that close it.'),
  });

/** An acknowledgement closes this one before its time. */
const kafkaBreaker = breaker(60_000);
/** Short, for only a trial shows that an exchange is back; one socket in 15 s storms nobody. */
const hostBreaker = breaker(15_000);

const kafka = z.strictObject({
  bootstrap_servers: setting(optionalText, 'Brokers, host:port, separated by commas.', {
    env: ['KAFKA_BOOTSTRAP_SERVERS'],
  }),
  group_id: setting(text.min(1).default('coin-stream'), 'Consumer group of the command intake.', {
    env: ['KAFKA_CONSUMER_GROUP_ID'],
  }),
  create_topics: setting(z.boolean().default(true), 'Create missing topics at start.', {
    env: ['KAFKA_CREATE_TOPICS'],
  }),
  partitions: setting(count.default(6), 'Partitions of a data topic that is created.', {
    env: ['KAFKA_PARTITIONS'],
  }),
  replication_factor: setting(count.default(1), 'Replicas of a topic that is created.', {
    env: ['KAFKA_REPLICATION_FACTOR'],
  }),
  linger_ms: setting(
    milliseconds.default(1),
    'How long librdkafka gathers messages into one request, in ms.',
  ),
  compression: setting(
    z.enum(['none', 'gzip', 'snappy', 'lz4', 'zstd']).default('lz4'),
    'Compression of what is produced.',
  ),
  options: setting(
    z
      .record(
        z.string(),
        z.union(
          [z.string(), z.number(), z.boolean()],
          'must be text, a number, true or false, under its whole name: "security.protocol"',
        ),
      )
      .default({}),
    'Options for librdkafka, untouched: security.protocol, sasl.*, ssl.*, … As a variable: KAFKA_OPTION_SASL_PASSWORD is sasl.password.',
    { secret: true },
  ),
  breaker: kafkaBreaker.prefault({}),
});

const registry = z.strictObject({
  url: setting(optionalText, 'Schema registry, with its path; several separated by commas.', {
    env: ['SCHEMA_REGISTRY_URL', 'KAFKA_SCHEMA_REGISTER'],
  }),
  username: setting(optionalText, 'Basic auth user.', { env: ['SCHEMA_REGISTRY_USERNAME'] }),
  password: setting(optionalText, 'Basic auth password.', {
    env: ['SCHEMA_REGISTRY_PASSWORD'],
    secret: true,
  }),
  ca_file: setting(optionalText, 'PEM file of a private certificate authority.', {
    env: ['SCHEMA_REGISTRY_CA_FILE'],
  }),
  check_ms: setting(
    positiveMs.default(60_000),
    'How often it is looked, beside the data, whether the registry still knows our schemas by their ids, in ms.',
  ),
  register: setting(
    z.boolean().default(true),
    'Register schemas that are missing; false only looks them up.',
    {
      env: ['SCHEMA_REGISTRY_REGISTER'],
    },
  ),
});

const redis = z.strictObject({
  url: setting(
    text
      .min(1)
      .refine((value) => value.split(',').every(isRedisUrl), 'is no redis:// or rediss:// address')
      .nullable()
      .default(null),
    'redis[s]://[user:password@]host:port/db; several addresses of a cluster separated by commas.',
    {
      env: ['REDIS_URL'],
      secret: true,
    },
  ),
  host: setting(optionalText, 'Host, where no url is given.', { env: ['REDIS_HOST'] }),
  port: setting(port.default(6379), 'Port, where no url is given.', { env: ['REDIS_PORT'] }),
  db: setting(z.int().nonnegative().default(0), 'Database, where no url is given.', { env: ['REDIS_DB'] }),
  username: setting(optionalText, 'ACL user.', { env: ['REDIS_USERNAME'] }),
  password: setting(optionalText, 'Password.', { env: ['REDIS_PASSWORD'], secret: true }),
  ssl: setting(z.boolean().default(false), 'TLS, where no url is given.', { env: ['REDIS_SSL'] }),
  ca_file: setting(optionalText, 'PEM file of a private certificate authority.', { env: ['REDIS_CA_FILE'] }),
  sentinels: setting(list.default([]), 'Sentinels, host:port.', { env: ['REDIS_SENTINELS'] }),
  sentinel_name: setting(text.default('mymaster'), 'Name of the master that the sentinels watch.', {
    env: ['REDIS_SENTINEL_NAME'],
  }),
  cluster: setting(z.boolean().default(false), 'The address is a Redis Cluster.', { env: ['REDIS_CLUSTER'] }),
  key_prefix: setting(
    text.min(1).default('{kcs}:'),
    'Prefix of every key; the braces keep them in one cluster slot.',
    {
      env: ['REDIS_KEY_PREFIX'],
    },
  ),
  connection_timeout: setting(
    z.int().positive().max(3600).default(10),
    'Connect and command timeout, in seconds.',
    {
      env: ['REDIS_CONNECTION_TIMEOUT'],
    },
  ),
  default_ttl: setting(count.default(3600), 'Life of the connection keys, in seconds.', {
    env: ['REDIS_DEFAULT_TTL'],
  }),
});

const state = z.strictObject({
  driver: setting(
    z.enum(['redis', 'memory']).nullable().default(null),
    'Where desired state is kept. Unset: redis when its address is set, else memory (forgotten at the stop).',
    { env: ['STATE_DRIVER'] },
  ),
  poll_ms: setting(
    positiveMs.default(5000),
    'How often desired state is read again, beside the nudges, in ms.',
  ),
  lease_ms: setting(positiveMs.default(15_000), 'Life of a shard lease between renewals, in ms.'),
});

const connection = z.strictObject({
  open_timeout_ms: setting(positiveMs.default(10_000), 'Time for a socket to open, in ms.'),
  good_after_ms: setting(
    positiveMs.default(10_000),
    'Time with data after which a connection counts as good and its back-off starts anew, in ms.',
  ),
  confirm_timeout_ms: setting(
    positiveMs.default(10_000),
    'Time for a subscription to be confirmed before it is tried again, in ms.',
  ),
  idle_timeout_ms: setting(
    positiveMs.default(120_000),
    'Least time without any data after which a live socket is replaced and a code is stale, in ms; both also wait 20 times the median gap of what they watch.',
    { env: ['WS_IDLE_TIMEOUT_MS'] },
  ),
  gather_ms: setting(
    milliseconds.max(100).default(0),
    'Sockets that bring more than one frame in this time are read at most this often, in ms; 0 reads each frame as it comes. Costs less the more frames come, and received_at is late by up to this much. 2 to 5 are of use.',
  ),
  max_frame_bytes: setting(count.default(16 * 1024 * 1024), 'Largest frame that is accepted, in bytes.'),
});

const batch = z.strictObject({
  window_ms: setting(positiveMs.default(100), 'Longest wait of a row for its batch, in ms.'),
  max_rows: setting(count.default(500), 'Rows of a batch.'),
  max_bytes: setting(count.default(256 * 1024), 'Bytes of a batch.'),
});

const budget = z.strictObject({
  bytes: setting(
    count.default(128 * 1024 * 1024),
    'Bytes received but not acknowledged, for the whole collector; reading stops beyond.',
  ),
  stream_share: setting(
    z.number().positive().max(1).default(0.25),
    'The part of it that one stream may hold.',
  ),
});

const backfill = z.strictObject({
  enabled: setting(
    z.boolean().default(true),
    'Trades of a gap are fetched over REST afterwards, where the exchange still has them.',
    { env: ['BACKFILL_ENABLED'] },
  ),
  max_age_ms: setting(
    positiveMs.default(24 * 3_600_000),
    'A gap that is not filled after so long is told as it is, in ms. Most exchanges go back further, and a code that has not traded since is no reason to end earlier.',
  ),
  max_rows: setting(
    count.default(200_000),
    'Trades that are fetched for one code of one gap, about; the rest is told as a gap. Bounds what one code takes from the others.',
  ),
});

const exchange = z.strictObject({
  enabled: setting(z.boolean().default(true), 'False refuses every stream of this exchange.'),
  url: setting(
    optionalUrl,
    'Replaces scheme, host and port of its WebSocket; a path becomes a prefix. EXCHANGE_<ID>_URL.',
  ),
  rest_url: setting(optionalUrl, 'The same for its REST addresses. EXCHANGE_<ID>_REST_URL.'),
  allowed_hosts: setting(list.default([]), 'Further hosts that the connection.url of a command may name.'),
  proxy: setting(
    optionalText,
    'HTTP proxy of its sockets and REST requests. Unset: HTTPS_PROXY (HTTP_PROXY for ws://), unless NO_PROXY names the host.',
  ),
  ca_file: setting(optionalText, 'PEM file of a private certificate authority.'),
  local_address: setting(optionalText, 'Source address of its sockets.'),
  codes_per_socket: setting(
    count.nullable().default(null),
    'Fewer codes per socket than the exchange allows.',
  ),
  orderbook: setting(
    // A depth is a number in YAML.
    z
      .preprocess((value) => (typeof value === 'number' ? String(value) : value), text.min(1))
      .nullable()
      .default(null),
    'Channel or depth of its order books, one of those that kor-coin-stream exchanges lists; unset: the first.',
  ),
});

const stream = z
  .strictObject({
    exchange: text.min(1),
    type: z.preprocess(
      (value) => (typeof value === 'string' ? value.split(',') : value),
      z.array(z.enum(REQUEST_TYPES)).min(1),
    ),
    symbols: list.pipe(z.array(text).min(1)),
  })
  .superRefine(({ exchange: id, type }, context) => {
    const plugIn = EXCHANGES.find((one) => one.id === id);
    if (!plugIn) {
      const known = EXCHANGES.map((one) => one.id).join(', ');
      context.addIssue({
        code: 'custom',
        path: ['exchange'],
        message: `there is no exchange ${id}.${didYouMean(
          id,
          EXCHANGES.map((one) => one.id),
        )} There are ${known}`,
      });
      return;
    }
    type.forEach((one, at) => {
      if (plugIn.types.includes(one)) return;
      const message = `${id} has ${plugIn.types.join(', ')}, not ${one}`;
      context.addIssue({ code: 'custom', path: ['type', at], message });
    });
  });

export const settingsSchema = z.strictObject({
  env: setting(text.min(1).default('dev'), 'Which config/{ENV}.yaml is laid over settings.yaml.', {
    env: ['ENV'],
  }),
  collector_id: setting(optionalText, 'Name of this collector; unset: host name and a random part.', {
    env: ['COLLECTOR_ID'],
  }),
  messaging: messaging.prefault({}),
  kafka: kafka.prefault({}),
  schema_registry: registry.prefault({}),
  state: state.prefault({}),
  redis: redis.prefault({}),
  connection: connection.prefault({}),
  breaker: hostBreaker.prefault({}),
  batch: batch.prefault({}),
  budget: budget.prefault({}),
  backfill: backfill.prefault({}),
  markets: z
    .strictObject({
      refresh_ms: setting(positiveMs.default(600_000), 'How often market lists are read again, in ms.'),
      timeout_ms: setting(positiveMs.default(10_000), 'Time for a market list request, in ms.'),
    })
    .prefault({}),
  http: z
    .strictObject({
      host: setting(
        // An IPv6 address is often written as in a URL.
        text
          .min(1)
          .overwrite((value) => value.replace(/^\[(.*)\]$/, '$1'))
          .default('127.0.0.1'),
        'Address of the HTTP server.',
        { env: ['HTTP_HOST'] },
      ),
      port: setting(
        z.int().min(0).max(65_535).default(9464),
        'Port of the HTTP server; 0 takes a free one.',
        {
          env: ['HTTP_PORT'],
        },
      ),
      allowed_hosts: setting(
        list.default([]),
        'Host names under which the page, /status and /metrics may be asked for, as a proxy passes them on; addresses and names without a dot always may.',
        { env: ['HTTP_ALLOWED_HOSTS'] },
      ),
      token: setting(optionalText, 'Bearer token that the page and /status ask for.', {
        env: ['HTTP_TOKEN'],
        secret: true,
      }),
      code_labels: setting(z.boolean().default(false), 'Prometheus series per code.'),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: setting(
        anyCase(z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])).default('info'),
        'Least level that is logged.',
        {
          env: ['LOG_LEVEL'],
        },
      ),
      format: setting(
        z.enum(['auto', 'json', 'text']).default('auto'),
        'auto: text on a terminal, else JSON.',
        {
          env: ['LOG_FORMAT'],
        },
      ),
    })
    .prefault({}),
  startup: z
    .strictObject({
      timeout_ms: setting(
        milliseconds.default(15_000),
        'How long a missing service is waited for at start, in ms.',
      ),
    })
    .prefault({}),
  shutdown: z
    .strictObject({
      timeout_ms: setting(milliseconds.default(10_000), 'Time to drain and flush at the stop, in ms.'),
    })
    .prefault({}),
  outbox: z
    .strictObject({
      dir: setting(
        optionalText,
        'Folder of the outbox: messages are on disk until Kafka has acknowledged them, and outlive a crash. Unset: memory alone. One collector to a folder.',
        { env: ['OUTBOX_DIR'] },
      ),
      max_bytes: setting(count.default(4 * 1024 ** 3), 'The most that it may take of the disk, in bytes.'),
      fsync_ms: setting(
        positiveMs.default(1000),
        'How often what was written is made to outlive a power cut, in ms; a crash of the program alone loses none of it.',
      ),
    })
    .prefault({}),
  orderbook: z
    .strictObject({
      keyframe_ms: setting(
        milliseconds.default(60_000),
        'How often a whole book of our own goes out for each code whose exchange sends changes, in ms; 0: never.',
      ),
    })
    .prefault({}),
  exchanges: setting(
    z
      .partialRecord(z.enum(EXCHANGES.map(({ id }) => id)), exchange)
      .superRefine((all, context) => {
        for (const [id, one] of Object.entries(all)) {
          const choices: readonly string[] =
            EXCHANGES.find((plugIn) => plugIn.id === id)?.orderbooks?.choices ?? [];
          if (!one || one.orderbook === null || choices.includes(one.orderbook)) continue;
          const message =
            choices.length > 0 ? `is none of ${choices.join(', ')}` : `${id} has no choice of order books`;
          context.addIssue({ code: 'custom', path: [id, 'orderbook'], message });
        }
      })
      .default({}),
    'Settings of single exchanges, by id; see below.',
  ),
  streams: setting(
    z.array(stream).default([]),
    'Streams that run without a command: exchange, type, symbols.',
  ),
});

export type Settings = z.infer<typeof settingsSchema>;
export type ExchangeSettings = z.infer<typeof exchange>;
export type StreamSettings = z.infer<typeof stream>;

/** The settings of one exchange, for the reference. */
export const exchangeSchema = exchange;

/** The settings of an exchange, defaults where nothing is said about it. */
export function exchangeSettings(settings: Settings, id: string): ExchangeSettings {
  return settings.exchanges[id] ?? exchange.parse({});
}
