import { EXIT, type ExitCode } from '../common/errors.ts';
import { registrySettings } from '../config/messaging.ts';
import { REGIONS } from '../core/market/market.ts';
import { ReaderRules } from '../core/reading/reader-rules.ts';
import { type ReadValue, valueReader } from '../infra/avro/read-value.ts';
import { registryClient } from '../infra/avro/registry.ts';
import type { ConsumedRecord } from '../infra/kafka/consume/consumer.ts';
import { openTopicReader, type TopicReader } from '../infra/kafka/consume/topic-reader.ts';
import { TOPIC_FAMILIES, TOPICS, topicName } from '../infra/kafka/topics/topics.ts';
import { readArgs, usage } from './args.ts';
import type { Command } from './command.ts';
import { clusterOf } from './kafka-address.ts';
import { SETTINGS_FLAGS, SETTINGS_USAGE, settingsOf } from './settings-flags.ts';
import { writeOut } from './stdout.ts';
import { printBook } from './tail-book.ts';

const FLAGS = {
  ...SETTINGS_FLAGS,
  from: 'string',
  count: 'string',
  envelope: 'boolean',
  raw: 'boolean',
  book: 'string',
  exchange: 'string',
  depth: 'string',
} as const;
const TIMEOUT_MS = 15_000;

/** `tail` */
export const tail: Command = {
  name: 'tail',
  summary: 'what lies in the topics, as NDJSON; Avro is decoded',
  usage: `kor-coin-stream tail [TOPIC]… [--from end|beginning] [--count N] [--envelope] [--raw] [--config DIR] [--set PATH=VALUE]…
       kor-coin-stream tail --book CODE [--exchange ID] [--depth N] [--from …] [--count N] …

Prints the values of the topics (ws.event where none is named), one JSON object a line, until a signal. A family
without its region, as in ticker-data, stands for the topics of all regions. Avro is decoded by the schema whose id
it carries; without a schema registry it is printed as {"base64":…}. Rows come as a reader by the rules has them:
messages of a lower fence and trades that came before are left out, and what is late bears the field late.

--from WHERE       end (default): what comes from now on; beginning: everything that is kept
--count N          ends after N messages
--raw              everything as it lies there
--envelope         adds topic, partition, offset, timestamp, key and headers around each value
--book CODE        shows the order book of a code (USD-BTC) as it changes, made of the topic alone: the best levels, the
                   spread, its sequence and age; of every exchange that has the code, or of one
--depth N          levels a side; 10 unless given
${SETTINGS_USAGE}`,
  async run(args) {
    const read = readArgs('tail', args, FLAGS, Number.POSITIVE_INFINITY);
    const from = read.value('from') ?? 'end';
    if (from !== 'end' && from !== 'beginning') throw usage('tail', '--from is end or beginning.');
    const count = Number(read.value('count') ?? Number.POSITIVE_INFINITY);
    if (!(count > 0)) throw usage('tail', '--count is not a number above 0.');
    const settings = settingsOf(read);
    const registry = registrySettings(settings, { useAvro: settings.schema_registry.url !== null });
    const book = read.value('book') ?? null;
    const depth = Number(read.value('depth') ?? 10);
    if (!(depth > 0)) throw usage('tail', '--depth is not a number above 0.');
    if (book === null && (read.has('exchange') || read.has('depth')))
      throw usage('tail', '--exchange and --depth go with --book.');
    const unnamed = book === null ? [topicName('ws.event', null)] : topicsOf('orderbook-data');
    const topics = read.positionals.length > 0 ? read.positionals.flatMap(topicsOf) : unnamed;
    const reader = await openTopicReader({ ...clusterOf(settings), topics, from, timeoutMs: TIMEOUT_MS });
    const readValue = valueReader(registry === null ? null : registryClient(registry));
    const code = book?.toUpperCase();
    const exchange = read.value('exchange') ?? null;
    if (code !== undefined) return printBook(reader, readValue, { code, exchange, depth, count });
    return printAll(reader, readValue, count, {
      envelope: read.has('envelope'),
      rules: read.has('raw') ? null : new ReaderRules(),
    });
  },
};

/** How messages are printed. */
interface Printing {
  readonly envelope: boolean;
  /** Null: everything as it lies there. */
  readonly rules: ReaderRules | null;
}

/** Prints until `count` messages were printed, a signal came, or nobody reads any more. */
export async function printAll(
  reader: TopicReader,
  readValue: ReadValue,
  count: number,
  { envelope, rules }: Printing,
): Promise<ExitCode> {
  let left = count;
  for (const name of ['SIGTERM', 'SIGINT'] as const)
    process.once(name, () => {
      left = 0;
    });
  try {
    while (left > 0) {
      for (const record of await reader.next()) {
        if (left <= 0) break;
        const lies = await readValue(record.value);
        const { topic, key, headers } = record;
        const value = rules ? rules.read(`${topic} ${textOf(key)}`, headers, lies) : lies;
        if (value === undefined) continue;
        left--;
        const line = JSON.stringify(envelope ? { ...placeOf(record), value } : value);
        if (!(await writeOut(`${line}\n`))) left = 0;
      }
    }
    return EXIT.ok;
  } finally {
    await reader.close();
  }
}

function placeOf({ topic, partition, offset, timestampMs, key, headers }: ConsumedRecord) {
  return { topic, partition, offset, timestamp_ms: timestampMs, key: textOf(key), headers };
}

function textOf(key: Uint8Array | null): string | null {
  return key === null ? null : Buffer.from(key).toString();
}

function topicsOf(name: string): string[] {
  const family = TOPIC_FAMILIES.find((known) => known === name);
  if (!family || !TOPICS[family].regional) return [name];
  return REGIONS.map((region) => topicName(family, region));
}
