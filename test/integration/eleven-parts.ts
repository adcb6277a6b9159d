import { type Message, readTopic } from '../services/avro-consumer.ts';
import { type KafkaServer, startKafka } from '../services/kafka.ts';
import { freePort } from '../services/ports.ts';
import { registry } from '../services/services.ts';
import type { Ledger, Row } from '../simulator/ledger.ts';
import { type SimulatorProcess, spawnSimulator } from '../simulator/process.ts';
import { protocols } from '../simulator/protocols/index.ts';
import { type BookRow, bookRows } from './books/rows.ts';
import { CollectorProcess, Commander } from './control-parts.ts';
import { subscriptions } from './sockets.ts';
import { ledgerOf } from './spine-parts.ts';

/** A gap as others read it; times are epoch microseconds. */
export interface ReadGap {
  readonly from: number;
  readonly to: number | null;
  readonly cause: string;
  readonly codes: readonly string[];
  readonly first_missing_id: string | null;
  readonly last_missing_id: string | null;
  readonly fill?: object | null;
}

interface ReadTarget {
  readonly exchange: string;
  readonly request_type: string;
}

export interface ReadEvent {
  readonly kind: string;
  readonly correlation_id: string | null;
  readonly target: ReadTarget | null;
  readonly outcome: string | null;
  readonly reason: string | null;
  readonly state: string | null;
  readonly gap: ReadGap | null;
  readonly detail: Record<string, unknown> | null;
}

interface Batch {
  readonly exchange: string;
  readonly symbol: string;
  readonly code: string;
  readonly data: readonly Record<string, unknown>[];
}

/** One row of a batch, with what the batch says of it. */
export interface ReadRow {
  readonly exchange: string;
  readonly symbol: string;
  readonly code: string;
  readonly timestamp: number;
  readonly received_at: number;
  readonly trade_id: string;
  readonly price: number;
  readonly volume: number;
  readonly side: string;
  readonly close: number;
  readonly stream_type: string;
}

/** A broker, a simulator and a collector, each a process of its own; the registry is there for all runs. */
export interface Run {
  readonly simulator: SimulatorProcess;
  readonly collector: CollectorProcess;
  /** Sends a command and waits for its reply. */
  command(command: object): Promise<ReadEvent>;
  rows(type: 'ticker' | 'trade'): Promise<ReadRow[]>;
  /** Of order books. */
  bookRows(): Promise<BookRow[]>;
  events(): Promise<ReadEvent[]>;
  /** Polls the events until one of them fits. */
  event(fits: (event: ReadEvent) => boolean, timeoutMs?: number): Promise<ReadEvent>;
  json(topic: string): Promise<Record<string, unknown>[]>;
  /** The codes of every stream, as /status has them. */
  codes(): Promise<Record<string, unknown>[][]>;
  ledger(): Promise<Ledger>;
  /** The ledger without its rows, for asking again and again. */
  entries(): Promise<Ledger>;
  end(): Promise<void>;
}

const REGIONS = ['korea', 'asia', 'na', 'eu'];

/** @param streams flags of the collector, made when the markets of the simulator are known */
export async function startRun(
  simulation: readonly string[],
  streams: (simulator: SimulatorProcess) => readonly string[],
  prepare: (simulator: SimulatorProcess) => Promise<void> = async () => {},
): Promise<Run> {
  const [broker, registryUrl, simulator] = await Promise.all([
    startKafka(),
    registry(),
    spawnSimulator(simulation),
  ]);
  await prepare(simulator);
  const env = {
    ...simulator.env,
    KAFKA_BOOTSTRAP_SERVERS: broker.bootstrap,
    SCHEMA_REGISTRY_URL: registryUrl,
  };
  const port = await freePort();
  const fixed = ['--set', 'state.driver=memory', '--set', `http.port=${port}`];
  const collector = new CollectorProcess(env, ...streams(simulator), ...fixed);
  collector.start();
  return runOf(broker, registryUrl, simulator, collector, port);
}

function runOf(
  broker: KafkaServer,
  registryUrl: string,
  simulator: SimulatorProcess,
  collector: CollectorProcess,
  port: number,
): Run {
  const { bootstrap } = broker;
  const events = async () => valuesOf(await readTopic<ReadEvent>({ bootstrap, topic: 'ws.event' }));
  async function event(fits: (event: ReadEvent) => boolean, timeoutMs = 20_000): Promise<ReadEvent> {
    const messages = await readTopic<ReadEvent>({
      bootstrap,
      topic: 'ws.event',
      until: (all) => valuesOf(all).some(fits),
      timeoutMs,
    });
    const found = valuesOf(messages).find(fits);
    if (!found) throw new Error('the event that was there is gone');
    return found;
  }
  return {
    simulator,
    collector,
    events,
    event,
    async command(command) {
      const correlation_id = crypto.randomUUID();
      const commander = await new Commander(bootstrap).connect();
      await commander.send({ ...command, correlation_id });
      await commander.close();
      return event((one) => one.kind === 'reply' && one.correlation_id === correlation_id);
    },
    async rows(type) {
      const topics = await Promise.all(
        REGIONS.map((region) => topicOf(bootstrap, registryUrl, `${type}-data.${region}`)),
      );
      return topics.flat();
    },
    bookRows: async () => bookRows(bootstrap, registryUrl, await topicNames(bootstrap)),
    json: async (topic) =>
      valuesOf(await readTopic<Record<string, unknown>>({ bootstrap, topic, timeoutMs: 10_000 })),
    async codes() {
      const response = await fetch(`http://127.0.0.1:${port}/status`);
      const { streams } = (await response.json()) as { streams: { codes: Record<string, unknown>[] }[] };
      return streams.map(({ codes }) => codes);
    },
    ledger: () => ledgerOf(simulator),
    entries: () => ledgerOf(simulator, 'entries'),
    async end() {
      await collector.kill9();
      await Promise.all([simulator.stop(), broker.discard()]);
    },
  };
}

/** The rows of a topic in the order of its partitions; none where no exchange of the region runs. */
async function topicOf(bootstrap: string, registry: string, topic: string): Promise<ReadRow[]> {
  const listed = await topicNames(bootstrap);
  if (!listed.has(topic)) return [];
  const batches = valuesOf(await readTopic<Batch>({ bootstrap, topic, registry, timeoutMs: 60_000 }));
  return batches.flatMap(({ exchange, symbol, code, data }) =>
    data.map((row) => ({ ...row, exchange, symbol, code }) as unknown as ReadRow),
  );
}

async function topicNames(bootstrap: string): Promise<Set<string>> {
  const kcat = Bun.spawn(['kcat', '-L', '-J', '-b', bootstrap], { stdout: 'pipe', stderr: 'ignore' });
  const { topics } = (await kcat.stdout.json()) as { topics: readonly { readonly topic: string }[] };
  return new Set(topics.map(({ topic }) => topic));
}

function valuesOf<Value>(messages: readonly Message<Value>[]): Value[] {
  return messages.flatMap(({ value }) => (value === null ? [] : [value]));
}

/** Flags that subscribe the first `codes` markets of every exchange of the simulator. */
export function firstCodes({ exchanges }: SimulatorProcess, codes: number, types: string): string[] {
  return Object.entries(exchanges).flatMap(([id, { symbols }]) => [
    '--exchange',
    id,
    '--type',
    types,
    '--symbols',
    symbols.slice(0, codes).join(','),
  ]);
}

/** Waits until so many different codes and types are subscribed. */
export async function subscribed(run: Run, count: number, timeoutMs = 60_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const now = subscriptions(await run.entries());
    const distinct = new Set(now.map(({ exchange, type, symbol }) => `${exchange} ${type} ${symbol}`)).size;
    if (distinct >= count) return;
    if (Date.now() > deadline) throw new Error(`${distinct} of ${count} codes were subscribed in time`);
    await Bun.sleep(500);
  }
}

/** The rows that no reported gap of their stream and code covers, by the time at which they were sent. */
export function outsideGaps(
  rows: readonly Row[],
  events: readonly ReadEvent[],
  codes: ReadonlyMap<string, string>,
): Row[] {
  const gaps = new Map<string, ReadGap[]>();
  for (const { gap, target } of events) {
    if (!gap || !target) continue;
    for (const code of gap.codes) {
      const key = `${target.exchange} ${target.request_type} ${code}`;
      gaps.set(key, [...(gaps.get(key) ?? []), gap]);
    }
  }
  return rows.filter(({ exchange, type, symbol, at }) => {
    const code = codes.get(`${exchange} ${symbol}`);
    const own = gaps.get(`${exchange} ${type} ${code}`) ?? [];
    // The ledger's milliseconds are whole ones.
    return !own.some(({ from, to }) => at * 1000 + 999 >= from && (to === null || at * 1000 <= to + 1000));
  });
}

/** Events that tell of missing ids, without those that tell afterwards how far they were fetched, and what is left. */
export function firstToldMissing(events: readonly ReadEvent[]): ReadEvent[] {
  return events.filter(
    ({ gap, detail }) =>
      gap?.cause === 'missing_ids' && !gap.fill && !(detail !== null && 'rest_of' in detail),
  );
}

/** What every event says of trades that never came, alone or several in one: `binance USDT-BTC 5 7`. */
export function toldMissing(events: readonly ReadEvent[]): string[] {
  return firstToldMissing(events).flatMap(({ gap, target, detail }) => {
    if (!gap) return [];
    const several = detail?.missing as
      | { code: string; first_missing_id: string; last_missing_id: string }[]
      | undefined;
    const holes = several ?? gap.codes.map((code) => ({ ...gap, code }));
    return holes.map(
      ({ code, first_missing_id, last_missing_id }) =>
        `${target?.exchange} ${code} ${first_missing_id} ${last_missing_id}`,
    );
  });
}

/** The ids that the trades of each code skip between the first and the last of them, spelt as above. */
export function holesIn(rows: readonly ReadRow[]): string[] {
  const codes = Map.groupBy(rows, ({ exchange, code }) => `${exchange} ${code}`);
  return [...codes].flatMap(([name, own]) => {
    const spans = own
      .map(({ exchange, trade_id }) => ({
        first: Number(protocols[exchange]?.firstFill?.(trade_id) ?? trade_id),
        last: Number(trade_id),
      }))
      .toSorted((a, b) => a.last - b.last);
    return spans.flatMap(({ first }, i) => {
      const next = (spans[i - 1]?.last ?? first - 1) + 1;
      return first > next ? [`${name} ${next} ${first - 1}`] : [];
    });
  });
}
