import type { Clock } from '../common/clock.ts';
import { Fault } from '../common/errors.ts';
import { guardOf, rewriteAddress } from '../core/address.ts';
import { Connection } from '../core/connection/connection.ts';
import type { ConnectionEvents } from '../core/connection/connection-parts.ts';
import type { LinkEnd } from '../core/connection/link.ts';
import type { OpenGate } from '../core/connection/open-gate.ts';
import type { ConnectionSettings } from '../core/connection/settings.ts';
import type { ConnectionSnapshot } from '../core/connection/snapshot.ts';
import type { Verdict } from '../core/connection/verdict.ts';
import type { DesiredStream } from '../core/desired/stream.ts';
import type { StreamState, Target } from '../core/events.ts';
import type { Exchange } from '../core/exchange.ts';
import type { Market, Micros, RequestType } from '../core/market/market.ts';
import type { Markets } from '../core/market/markets.ts';
import type { BatchLimits } from '../core/pipeline/batch.ts';
import type { Account, ByteBudget } from '../core/pipeline/budget.ts';
import type { Lane } from '../core/pipeline/lane.ts';
import { StreamPipeline } from '../core/pipeline/stream-pipeline.ts';
import type { StreamStats } from '../core/pipeline/stream-stats.ts';
import type { OpenSocket, SocketOptions, Writer } from '../core/ports.ts';
import type { StreamFigures } from './metrics/figures.ts';
import { countOf, MissingTrades } from './missing-trades.ts';
import { rejectSampler } from './rejects.ts';
import type { Reporter } from './reporter.ts';
import { streamStateOf } from './stream-state.ts';

/** What all streams share. */
export interface StreamDeps {
  readonly clock: Clock;
  readonly writer: Writer;
  readonly budget: ByteBudget;
  readonly batch: BatchLimits;
  readonly connection: ConnectionSettings;
  readonly reporter: Reporter;
  readonly figures: StreamFigures;
  readonly openSocket: OpenSocket;
  readonly nextSocketId: () => number;
}

/** What the streams of one exchange share. */
export interface ExchangeDeps {
  readonly exchange: Exchange;
  readonly markets: Markets;
  readonly gate: OpenGate;
  readonly socket: SocketOptions;
  /** Scheme, host and port from settings in place of the plug-in's own; null keeps them. */
  readonly url: string | null;
}

/** A stream that runs: one pipeline, and a connection for each shard of its codes. */
export class RunningStream {
  readonly target: Target;
  /** Over this run and the ones before it. */
  readonly stats: StreamStats;
  /** Tells this run of the stream from earlier and later ones. */
  readonly connectionId = crypto.randomUUID();
  readonly startedAt: Micros;
  readonly #deps: StreamDeps;
  readonly #of: ExchangeDeps;
  readonly #type: RequestType;
  readonly #account: Account;
  readonly #pipeline: StreamPipeline;
  readonly #rejects: ReturnType<typeof rejectSampler>;
  readonly #missing: MissingTrades;
  readonly #connections = new Map<number, Connection>();
  readonly #closing = new Set<Promise<void>>();
  #desired: DesiredStream;
  #paused = false;

  constructor(desired: DesiredStream, of: ExchangeDeps, deps: StreamDeps) {
    const { exchange } = of;
    this.#desired = desired;
    this.#of = of;
    this.#deps = deps;
    this.#type = desired.request_type;
    this.startedAt = deps.clock.micros();
    this.target = { exchange: exchange.id, region: exchange.region, request_type: this.#type };
    this.stats = deps.figures.begin(this.target, this.startedAt);
    this.#rejects = rejectSampler(this.target, deps.reporter, deps.clock);
    this.#missing = new MissingTrades(
      this.target,
      deps.reporter,
      deps.clock,
      () => this.#desired.correlation_id,
    );
    this.#account = deps.budget.open(this.#type === 'ticker' ? 'first' : 'last', (stop) =>
      this.#pressure(stop),
    );
    this.#pipeline = new StreamPipeline({
      exchange,
      type: this.#type,
      limits: deps.batch,
      clock: deps.clock,
      writer: deps.writer,
      account: this.#account,
      stats: this.stats,
      onRejected: (rejected) => this.#rejects.report(rejected),
      onMissing: (holes) => {
        for (const { hole } of holes) this.stats.missing += countOf(hole);
        this.#missing.report(holes);
      },
      stamp: () => ({ correlationId: this.#desired.correlation_id, fence: null }),
    });
  }

  get desired(): DesiredStream {
    return this.#desired;
  }

  get lanes(): IterableIterator<Lane> {
    return this.#pipeline.lanes.all();
  }

  get queuedBytes(): number {
    return this.#account.used;
  }

  /** The most of the byte budget that this stream may hold. */
  get shareBytes(): number {
    return this.#deps.budget.share;
  }

  get paused(): boolean {
    return this.#paused;
  }

  get state(): StreamState {
    return streamStateOf(this.snapshots().map(({ state }) => state));
  }

  snapshots(): ConnectionSnapshot[] {
    return [...this.#connections.values()].map((connection) => connection.snapshot());
  }

  /** The connections by the number of their shard. */
  shards(): { readonly shard: number; readonly connection: ConnectionSnapshot }[] {
    return [...this.#connections].map(([shard, connection]) => ({
      shard,
      connection: connection.snapshot(),
    }));
  }

  /** Makes the sockets carry what is desired: codes join and leave their shard's socket, shards come and go. */
  apply(desired: DesiredStream): void {
    this.#desired = desired;
    desired.shards.forEach((symbols, shard) => {
      if (symbols.length > 0) this.#connection(shard).update(this.#marketsOf(symbols));
      else this.#drop(shard);
    });
    for (const shard of this.#connections.keys()) if (shard >= desired.shards.length) this.#drop(shard);
    const wanted = new Set(desired.codes);
    this.#pipeline.lanes.retain(({ symbol }) => wanted.has(symbol));
  }

  /** Records that nobody received these symbols between the end of an earlier run and now. */
  missedSince(from: Micros, symbols: readonly string[]): void {
    for (const [shard, connection] of this.#connections) {
      const mine = (this.#desired.shards[shard] ?? []).filter((symbol) => symbols.includes(symbol));
      if (mine.length > 0) connection.missedSince(this.#marketsOf(mine), from);
    }
  }

  /** Closes the sockets; resolves when the writer has everything they brought. */
  async stop(): Promise<void> {
    for (const shard of [...this.#connections.keys()]) this.#drop(shard);
    await Promise.all(this.#closing);
    await this.#pipeline.finish();
    this.stats.end(this.#deps.clock.micros());
    this.#rejects.flush();
    this.#missing.flush();
  }

  /** After `stop`: resolves when all of it is acknowledged, or given up on at the stop of the program. */
  async settled(): Promise<void> {
    await this.#pipeline.settled();
    this.#deps.budget.close(this.#account);
  }

  #connection(shard: number): Connection {
    const running = this.#connections.get(shard);
    if (running) return running;
    const { exchange, markets, gate, socket, url } = this.#of;
    const { clock, connection: settings, openSocket, nextSocketId } = this.#deps;
    const own = exchange.endpoint(this.#type);
    const replacement = this.#desired.origin ?? url;
    const address = rewriteAddress(own, replacement);
    const connection = new Connection(
      {
        exchange,
        type: this.#type,
        markets,
        url: address,
        guard: guardOf(own, replacement),
        socket,
        settings,
        clock,
        openSocket,
        gate,
        pipe: (handle) => this.#pipeline.attach(handle),
        nextSocketId: () => {
          this.stats.sockets++;
          return nextSocketId();
        },
      },
      this.#events(shard, address),
    );
    this.#connections.set(shard, connection);
    connection.start();
    if (this.#paused) connection.pause();
    return connection;
  }

  #drop(shard: number): void {
    const connection = this.#connections.get(shard);
    if (!connection) return;
    this.#connections.delete(shard);
    const closing = connection.stop().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  #marketsOf(symbols: readonly string[]): Market[] {
    return symbols.flatMap((symbol) => this.#of.markets.get(symbol) ?? []);
  }

  #pressure(stop: boolean): void {
    this.#paused = stop;
    if (stop) this.stats.pauses++;
    for (const connection of this.#connections.values()) {
      if (stop) connection.pause();
      else connection.resume();
    }
  }

  #events(shard: number, url: string): ConnectionEvents {
    const { reporter } = this.#deps;
    const { target } = this;
    const correlationId = (): string | null => this.#desired.correlation_id;
    return {
      state: (state, detail) =>
        reporter.tell({
          kind: 'state',
          target,
          correlationId: correlationId(),
          state,
          reason: detail.reason,
          detail: { shard, retry_at: detail.retryAt, attempts: detail.attempts },
        }),
      confirmed: (market) => reporter.connectSuccess(target, market, correlationId()),
      refused: (markets, reason) => this.#refused(markets, reason, shard),
      gap: (gap) => {
        this.#missing.gap(gap);
        reporter.tell({ kind: 'gap', target, correlationId: correlationId(), gap, detail: { shard } });
      },
      silent: (market, reason) =>
        reporter.tell({
          kind: 'state',
          target,
          correlationId: correlationId(),
          state: reason === null ? 'live' : 'stale',
          reason,
          detail: { shard, code: market.code, symbol: market.symbol },
        }),
      failed: (end, next, attempts) => this.#failed(end, next, attempts, shard, url),
    };
  }

  #refused(markets: readonly Market[], reason: string, shard: number): void {
    const { reporter } = this.#deps;
    const { target } = this;
    const correlationId = this.#desired.correlation_id;
    reporter.tell({
      kind: 'state',
      target,
      correlationId,
      reason,
      detail: { shard, refused: markets.map(({ symbol, code }) => ({ symbol, code })) },
    });
    for (const { symbol, code } of markets) {
      reporter.error(
        new Fault(
          'subscription_refused',
          `${target.exchange} ${symbol}`,
          reason,
          'Check the symbol on the exchange.',
        ),
        { target, correlationId, code, context: { shard, symbol } },
      );
    }
  }

  #failed(end: LinkEnd, next: Verdict, attempts: number, shard: number, url: string): void {
    const code =
      next.state === 'blocked' || end.status !== null
        ? 'connection_refused'
        : end.cause === 'mute'
          ? 'connection_idle'
          : end.cause === 'open_timeout' || end.cause === 'unopened'
            ? 'connect_failed'
            : 'disconnect_failed';
    this.#deps.reporter.error(new Fault(code, url, next.reason, 'It is tried again by itself.'), {
      target: this.target,
      correlationId: this.#desired.correlation_id,
      context: {
        url,
        attempt: attempts,
        backoff: next.waitMs / 1000,
        shard,
        close_code: end.code,
        status: end.status,
      },
    });
  }
}
