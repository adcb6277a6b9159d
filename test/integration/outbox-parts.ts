import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ReaderRules } from '../../src/core/reading/reader-rules.ts';
import { scanTopic } from '../services/avro-consumer.ts';
import { type KafkaServer, startKafka } from '../services/kafka.ts';
import { freePort } from '../services/ports.ts';
import { registry } from '../services/services.ts';
import { comparePast, type ReadTrade } from '../simulator/compare.ts';
import type { Row } from '../simulator/ledger.ts';
import { type SimulatorProcess, spawnSimulator } from '../simulator/process.ts';
import { Collector, ledgerOf, type TradeBatch } from './spine-parts.ts';

/** How the broker is when the collector is killed. */
export type BrokerIs = 'up' | 'frozen' | 'away';

/** Age of the oldest message in an outbox, in s, and what is under way at any time. */
const OLDEST = 'kcs_outbox_oldest_seconds';
const UNDER_WAY_S = 5;
/** Trades that an exchange shows over REST: more than any of these tests makes. */
const PAST_ROWS = 5_000_000;

const REGIONS: Readonly<Record<string, string>> = {
  ...{ upbit: 'korea', bithumb: 'korea', coinone: 'korea', binance: 'asia', bybit: 'asia', okx: 'asia' },
};

/** What of the ledger and of the topics does not fit. */
export interface Verdict {
  /** Trades that went out to a collector that lived on, and those of them that are in no topic. */
  readonly sent: number;
  readonly missing: Row[];
  /** Messages and trades as they lie in the topics, and trades that a reader keeps more than once. */
  readonly messages: number;
  readonly trades: number;
  readonly repeated: string[];
  /** Trades that lie in the topics more than once, whatever a reader makes of it. */
  readonly doubled: string[];
  /**
   * Rows that a reader keeps and that hold what another one of them holds, whatever their ids are: fetched single fills of a
   * merged row, fetched rows with ids of another space.
   */
  readonly twice: string[];
  /** Messages that bear `late`, and by what it says. */
  readonly late: number;
  readonly lateOf: Readonly<Record<string, number>>;
  /** Rows that were fetched and that a reader keeps. */
  readonly fetched: number;
  /** Trades behind a newer one of their code, in messages that are not late. */
  readonly disordered: string[];
}

/** An exchange's trades on their way to Kafka through collectors that have an outbox. */
export class OutboxWorld {
  readonly kafka: KafkaServer;
  /** Address of the registry. */
  readonly registry: string;
  readonly simulator: SimulatorProcess;
  readonly folder = mkdtempSync(join(tmpdir(), 'kcs-outbox-'));
  readonly #flags: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  /** When each life began and was killed, epoch ms. */
  readonly lives: { readonly from: number; to: number }[] = [];
  /** Of the collector's page. */
  readonly url: string;
  collector: Collector | null = null;

  private constructor(
    kafka: KafkaServer,
    registry: string,
    simulator: SimulatorProcess,
    flags: readonly string[],
    env: Readonly<Record<string, string>>,
  ) {
    this.url = `http://127.0.0.1:${env.HTTP_PORT}`;
    this.kafka = kafka;
    this.registry = registry;
    this.simulator = simulator;
    this.#flags = flags;
    this.#env = env;
  }

  static async start(
    exchanges: readonly string[],
    { codes = 8, rowsPerS = 500, flags = [] as readonly string[], env = {} as Record<string, string> },
  ): Promise<OutboxWorld> {
    const load = ['--exchanges', exchanges.join(), '--symbols', String(codes), '--rate', String(rowsPerS)];
    // What the exchanges show over REST is the truth in the end: all of it.
    load.push('--past-rows', String(PAST_ROWS));
    const [kafka, schemas, simulator] = await Promise.all([startKafka(), registry(), spawnSimulator(load)]);
    const streams = Object.entries(simulator.exchanges).flatMap(([id, { symbols }]) => [
      ...['--exchange', id, '--type', 'trade', '--symbols', symbols.join()],
    ]);
    return new OutboxWorld(kafka, schemas, simulator, [...streams, ...flags], {
      ...simulator.env,
      KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrap,
      SCHEMA_REGISTRY_URL: schemas,
      HTTP_PORT: String(await freePort()),
      ...env,
    });
  }

  /** A collector with this folder of the outbox. @param name null: one without an outbox */
  begin(name: string | null = 'one'): Collector {
    const outbox = name === null ? {} : { COLLECTOR_ID: name, OUTBOX_DIR: join(this.folder, name) };
    const around = { ...this.#env, ...outbox };
    this.lives.push({ from: Date.now(), to: Number.POSITIVE_INFINITY });
    this.collector = Collector.start('source', this.#flags, around);
    return this.collector;
  }

  /** Another collector beside it, with a folder of its own, that lives on. @param port of its page */
  beside(name: string, port: number): Collector {
    const around = { ...this.#env, COLLECTOR_ID: name, OUTBOX_DIR: join(this.folder, name) };
    return Collector.start('source', this.#flags, { ...around, HTTP_PORT: String(port) });
  }

  /**
   * Waits until nothing is to be fetched any more, and nothing lies in an outbox for longer than is under way.
   * @param urls of the collectors' pages
   * @returns what is left at the end of that time; empty where nothing is
   */
  async settled(urls: readonly string[], boundMs: number): Promise<string[]> {
    const until = Date.now() + boundMs;
    for (;;) {
      const texts = await Promise.all(
        urls.map((url) =>
          fetch(`${url}/metrics`)
            .then((answer) => answer.text())
            .catch(() => 'kcs_backfill_queued{page="away"} 1'),
        ),
      );
      const left = texts.flatMap((text) =>
        text.split('\n').filter((line) => {
          const most = line.startsWith('kcs_backfill_queued')
            ? 0
            : line.startsWith(OLDEST)
              ? UNDER_WAY_S
              : null;
          return most !== null && Number(line.split(' ').at(-1)) > most;
        }),
      );
      if (left.length === 0 || Date.now() > until) return left;
      await Bun.sleep(1_000);
    }
  }

  /** Ends it by kill -9. What was sent a moment before it answered for the last time it has read. */
  async kill(collector = this.collector): Promise<void> {
    const life = this.lives.at(-1);
    if (life) life.to = Date.now();
    // One that does not listen yet has read nothing.
    await fetch(`${this.url}/healthz`).catch(() => {});
    await collector?.kill9();
  }

  /** @param within ms before a life's last answer in which a row may not have come to it */
  async verdict(within: number): Promise<Verdict> {
    const ledger = await ledgerOf(this.simulator);
    const ids = Object.keys(this.simulator.exchanges);
    const rules = new ReaderRules();
    const kept = new Map<string, number>();
    const raw = new Map<string, number>();
    const lastOf = new Map<string, number>();
    const disordered: string[] = [];
    let messages = 0;
    let trades = 0;
    let late = 0;
    const lateOf: Record<string, number> = {};
    const keptRows = new Map<string, ReadTrade[]>();
    // What an exchange sends again to a subscription comes twice, and behind newer ones.
    const again = new Set(
      ledger.rows.flatMap((row) => (row.snapshot ? [`${row.exchange} ${row.symbol} ${row.id}`] : [])),
    );
    const order = new Map(ledger.rows.map((row, at) => [`${row.exchange} ${row.symbol} ${row.id}`, at]));
    for (const region of new Set(ids.map((id) => REGIONS[id]))) {
      const topic = `trade-data.${region}`;
      const { bootstrap } = this.kafka;
      await scanTopic<TradeBatch>({ bootstrap, registry: this.registry, topic }, (message) => {
        if (message.value === null) return;
        messages++;
        const why = message.headers.late;
        const isLate = why !== undefined;
        if (isLate) {
          late++;
          lateOf[why] = (lateOf[why] ?? 0) + 1;
        }
        const { exchange, symbol, data } = message.value;
        trades += data.length;
        const read = rules.read(`${topic} ${message.key}`, message.headers, message.value) as
          | TradeBatch
          | undefined;
        for (const { trade_id } of data) {
          const name = `${exchange} ${symbol} ${trade_id}`;
          if (again.has(name)) continue;
          raw.set(name, (raw.get(name) ?? 0) + 1);
          const at = order.get(name) ?? -1;
          const market = `${exchange} ${symbol}`;
          if (!isLate && at < (lastOf.get(market) ?? -1)) disordered.push(name);
          if (!isLate) lastOf.set(market, Math.max(at, lastOf.get(market) ?? -1));
        }
        for (const row of (read?.data ?? []) as Omit<ReadTrade, 'symbol'>[]) {
          const name = `${exchange} ${symbol} ${row.trade_id}`;
          kept.set(name, (kept.get(name) ?? 0) + 1);
          const market = `${exchange} ${symbol}`;
          const rows = keptRows.get(market) ?? [];
          keptRows.set(market, rows);
          rows.push({ ...row, symbol });
        }
      });
    }
    const closed = new Map(ids.flatMap((id) => ledger.of('close', id)).map(({ socket, at }) => [socket, at]));
    const known = (row: Row) => {
      // A socket that is closed in order, as of a shard that is handed over, is not read to its end.
      if (row.at > (closed.get(row.socket) ?? Number.POSITIVE_INFINITY) - within) return false;
      const life = this.lives.find(({ from, to }) => row.at >= from && row.at <= to);
      return (
        row.type === 'trade' &&
        row.socket !== null &&
        !row.snapshot &&
        life !== undefined &&
        row.at < life.to - within
      );
    };
    const due = ledger.rows.filter(known);
    const { twice, held } = await this.#held(keptRows);
    const missing = due.filter(({ exchange, symbol, id }) => {
      const name = `${exchange} ${symbol} ${id}`;
      return !kept.has(name) && !held.has(name);
    });
    const repeated = [...kept].flatMap(([name, count]) => (count > 1 ? [name] : []));
    const doubled = [...raw].flatMap(([name, count]) => (count > 1 ? [name] : []));
    const fetched = [...keptRows.values()]
      .flat()
      .filter(({ stream_type }) => stream_type === 'BACKFILL').length;
    const counts = { sent: due.length, messages, trades, late, lateOf, fetched };
    return { ...counts, missing, repeated, doubled, twice, disordered };
  }

  /**
   * @param kept what a reader keeps, by exchange and symbol
   * @returns what is kept twice, and names of the sockets' rows of which all is kept, under whatever ids
   */
  async #held(kept: ReadonlyMap<string, readonly ReadTrade[]>) {
    const twice: string[] = [];
    const held = new Set<string>();
    for (const [market, rows] of kept) {
      const [exchange = '', symbol = ''] = market.split(' ');
      const truth = await this.simulator.past(exchange, symbol);
      const { repeated, missing } = comparePast(truth, rows);
      for (const { trade_id, stream_type } of repeated) twice.push(`${market} ${trade_id} ${stream_type}`);
      for (const { socketId } of truth) held.add(`${market} ${socketId}`);
      for (const { socketId } of missing) held.delete(`${market} ${socketId}`);
    }
    return { twice, held };
  }

  async end(): Promise<void> {
    await this.collector?.kill9();
    await this.simulator.stop();
    await this.kafka.discard();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
