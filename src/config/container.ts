import { hostname } from 'node:os';
import { EXCHANGES } from '../../exchanges/index.ts';
import { Fences } from '../application/leases/fences.ts';
import { MarketLists } from '../application/markets/market-lists.ts';
import { StreamFigures } from '../application/metrics/figures.ts';
import { Observation } from '../application/metrics/observation.ts';
import { Reporter } from '../application/reporting/reporter.ts';
import { WatchedPublisher } from '../application/reporting/watched-publisher.ts';
import type { StateStore } from '../application/state-store.ts';
import { HostBreakers } from '../application/streams/host-breakers.ts';
import { Orchestrator } from '../application/streams/orchestrator.ts';
import { type Clock, systemClock } from '../common/clock.ts';
import { Fault, messageOf } from '../common/errors.ts';
import type { Log } from '../common/log.ts';
import type { StreamKey } from '../core/desired/stream.ts';
import type { Exchange } from '../core/exchange.ts';
import { REGIONS } from '../core/market/market.ts';
import { type BatchLimits, gatherMs, gridMs } from '../core/pipeline/batch.ts';
import { ByteBudget } from '../core/pipeline/budget.ts';
import { Grid } from '../core/pipeline/grid.ts';
import type { StreamStats } from '../core/pipeline/stream-stats.ts';
import type { UsedSchemas } from '../infra/kafka/produce/prepared-encodings.ts';
import type { Leftover, Messaging } from '../infra/messaging.ts';
import { socketsLeft } from '../infra/process/open-files.ts';
import { bunSockets } from '../infra/websocket/open-socket.ts';
import { openBackfill } from './backfill.ts';
import { connectionSettings } from './connection-settings.ts';
import { openControl } from './control.ts';
import { chooseDrivers, type Drivers, whereTo } from './drivers.ts';
import { Ending } from './ending.ts';
import { enabledExchanges, exchangeParts, listFetcher } from './exchange-parts.ts';
import { openHttp } from './http.ts';
import { openMessaging } from './messaging.ts';
import { openOutbox } from './outbox.ts';
import { openRest } from './rest.ts';
import { schemaIds, schemaWatch } from './schemas.ts';
import type { Settings } from './settings.ts';
import { openLeases, openStore, provisionalNotices } from './state.ts';

/** A running collector. */
export interface Collector {
  readonly id: string;
  readonly settings: Settings;
  readonly drivers: Drivers;
  readonly exchanges: readonly Exchange[];
  readonly clock: Clock;
  readonly log: Log;
  readonly messaging: Messaging;
  readonly store: Pick<StateStore, 'available'>;
  readonly orchestrator: Orchestrator;
  readonly lists: MarketLists;
  readonly budget: ByteBudget;
  readonly reporter: Reporter;
  readonly stop: Stop;
}

/**
 * Stops in the reverse order of the start, whatever hangs within `shutdown.timeout_ms`. Never rejects; a second call
 * waits for the first.
 */
export type Stop = () => Promise<LeftBehind>;

/** What a stop did not come to the end of. */
export interface LeftBehind extends Leftover {
  /** Streams whose rows are among the undelivered, as `upbit trade`. */
  readonly streams: readonly string[];
  /** Parts that did not end in time. */
  readonly hung: readonly string[];
}

/** Of the time for the stop, the part that the intake of commands may take. */
const INTAKE_SHARE = 0.25;
/** And the part that is kept for what follows the streams, at most this long, in ms. */
const LAST_SHARE = 0.3;
const LAST_MS = 1500;
/** To whoever started it in the background, and reads this afterwards. */
const TRIAL =
  'NOTHING IS KEPT: no Kafka is configured, and the trial broker inside the process forgets everything when it ends. ' +
  'Set KAFKA_BOOTSTRAP_SERVERS.';

/**
 * The composition root: everything is made here, handed what it needs, and started in order.
 * @param onStreams told how to stop as soon as streams may run, which is before the start is complete
 * @throws Fault with the exit code of whatever is not as it must be; streams that ran by then are stopped, their rows
 * delivered
 */
export async function startCollector(
  settings: Settings,
  log: Log,
  onStreams: (stop: Stop) => void = () => {},
): Promise<Collector> {
  const clock = systemClock;
  const drivers = chooseDrivers(settings);
  const exchanges = enabledExchanges(EXCHANGES, settings);
  const id = settings.collector_id ?? `${hostName()}-${crypto.randomUUID().slice(0, 8)}`;
  log.info(
    {
      phase: 'start',
      collector_id: id,
      messaging: drivers.messaging,
      state: drivers.state,
      use_avro: drivers.useAvro,
    },
    whereTo(settings, drivers),
  );
  if (drivers.messaging === 'embedded' && !process.stderr.isTTY) log.warn({ phase: 'start' }, TRIAL);

  const regions = REGIONS.filter((region) => exchanges.some((exchange) => exchange.region === region));
  const store = openStore(settings, drivers, clock);
  await store.start(settings.startup.timeout_ms);
  const fences = new Fences(clock, settings.state.lease_ms);
  const budget = new ByteBudget(settings.budget.bytes, settings.budget.stream_share);
  const figures = new StreamFigures();
  let used: UsedSchemas | null = null;
  const outbox = openOutbox(settings, {
    id,
    clock,
    log,
    fences,
    figures,
    orchestrator: () => orchestrator,
    fills: store.fills,
    reporter: () => reporter,
    schemas: () => schemaIds(used),
  });
  const messaging = await openMessaging(settings, drivers, {
    clock,
    log,
    regions,
    onLoss: (loss) => reporter.lost(loss),
    standingOf: (fence) => fences.standing(fence),
    onFault: (fault) => reporter.error(fault, { target: null }),
    onSchemas: (schemas) => {
      used = schemas;
    },
    outbox,
  });
  const publisher = new WatchedPublisher(messaging.publisher, clock);
  const reporter = new Reporter(publisher, clock, log, id);
  const schemas = schemaWatch(settings, used, reporter, clock, log);
  const rest = openRest(exchanges, settings, clock, (exchange, fault) =>
    reporter.error(fault, { target: null, context: { exchange: exchange.id, region: exchange.region } }),
  );
  const lists = new MarketLists(exchanges, {
    clock,
    refreshMs: settings.markets.refresh_ms,
    fetchJson: listFetcher(
      settings,
      clock,
      (exchange, ms, asked, answered) => observation.offsets.date(exchange, ms, asked, answered),
      rest,
    ),
    loadCached: async (exchange) => (await store.markets.read(exchange))?.listings ?? null,
    saveCached: (exchange, listings) => store.markets.write(exchange, clock.micros(), listings),
    onChange: (exchange) => control.marketsChanged(exchange.id),
    onRead: (exchange, joined) => orchestrator.listRead(exchange.id, joined),
    onFailure: (exchange, fault) =>
      reporter.error(fault, { target: null, context: { exchange: exchange.id, region: exchange.region } }),
  });
  const breakers = hostBreakers(settings, store, reporter, clock, log);
  const leases = openLeases(settings, drivers, { store, fences, id, exchanges, reporter, clock, log });
  const limits: BatchLimits = {
    windowMs: settings.batch.window_ms,
    maxRows: settings.batch.max_rows,
    maxBytes: settings.batch.max_bytes,
    inTurns: true,
  };
  const batch: BatchLimits = { ...limits, gatherMs: gatherMs(limits) };
  const grid = new Grid(clock, gridMs(batch), (error) => reporter.error(tickFault(error), { target: null }));
  let sockets = 0;
  const { writer } = messaging;
  const backfill = openBackfill(settings, exchanges, rest, store.opens, {
    clock,
    writer,
    written: messaging.written,
    budget,
    reporter,
    store: store.fills,
  });
  const orchestrator = new Orchestrator({
    clock,
    log,
    writer,
    backfill,
    budget,
    batch,
    grid,
    connection: connectionSettings(settings),
    reporter,
    figures,
    openSocket: bunSockets(
      clock,
      settings.connection.max_frame_bytes,
      socketsLeft,
      settings.connection.gather_ms,
    ),
    nextSocketId: () => ++sockets,
    desired: store.desired,
    leases,
    pollMs: settings.state.poll_ms,
    keys: streamKeys(exchanges),
    exchange: exchangeParts(exchanges, settings, lists, clock, breakers, store.opens, rest),
  });
  const control = openControl({
    id,
    place: settings.collector_id ?? hostName(),
    settings,
    exchanges: EXCHANGES,
    store,
    lists,
    orchestrator,
    breakers,
    reporter,
    bootstrap: messaging.bootstrap,
    clock,
    log,
  });
  const observation = new Observation({
    clock,
    log,
    publisher,
    reporter,
    budget,
    figures,
    streams: () => orchestrator.streams(),
  });
  const http = await openHttp(settings, log, {
    collectorId: id,
    drivers,
    clock,
    orchestrator,
    figures,
    observation,
    backfill,
    messaging,
    publisher,
    store,
    budget,
    lists,
    schemas: () => schemas?.state ?? null,
    notices: () => [...control.notices(), ...provisionalNotices(leases)],
    breakers: () => breakers.known(),
    commands: control.intake,
    errors: () => reporter.errors,
  });
  log.info({ phase: 'http', address: http.address }, `page, health and metrics: ${http.address}`);
  observation.start();
  breakers.start();
  backfill.start();
  schemas?.start();
  let stopped: Promise<LeftBehind> | null = null;
  onStreams(stop);
  try {
    await messaging.begun;
    if (stopped === null) {
      await orchestrator.start();
      await control.start();
    }
  } catch (error) {
    // Streams may run by now: what they received is delivered before the program ends.
    await stop();
    throw error;
  }

  function stop(): Promise<LeftBehind> {
    stopped ??= stopAll();
    return stopped;
  }

  async function stopAll(): Promise<LeftBehind> {
    const { timeout_ms } = settings.shutdown;
    const ending = new Ending(clock, timeout_ms);
    const kept = Math.min(LAST_MS, timeout_ms * LAST_SHARE);
    const before = new Map(figures.all().map(({ stats }) => [stats, stats.undelivered]));
    // Whoever waits for a list waits no longer, so that no part below does.
    lists.stop();
    rest.stop();
    schemas?.stop();
    breakers.stop();
    await ending.part('command intake', () => control.stopIntake(), timeout_ms * (1 - INTAKE_SHARE));
    const marked = control.stop();
    await ending.part('back-fill', () => backfill.stop(), timeout_ms * (1 - INTAKE_SHARE));
    await ending.part('streams', () => orchestrator.stop(), kept);
    reporter.flush();
    observation.stop();
    void ending.part('HTTP server', () => http.stop(), 0);
    const flushMs = Math.max(0, ending.leftMs - kept * 0.6);
    const left = await ending.part('deliveries', () => messaging.flush(flushMs), kept * 0.5);
    const released = leases?.stop();
    await ending.part('Kafka client', () => messaging.close(), kept * 0.3);
    await ending.part('state store', () => Promise.all([marked, released, backfill.keep()]), kept * 0.15);
    await ending.part('state store', () => store.stop(), kept * 0.1);
    await ending.rest();
    for (const words of ending.failed) log.warn({ phase: 'stop' }, `a part of the stop failed: ${words}`);
    // Streams and deliveries that ended in order have told what became of every row.
    const whole = left?.messages === 0 && !ending.late.includes('streams');
    const behind = whole
      ? []
      : figures.all().filter(({ stats }) => pendingRows(stats, before.get(stats) ?? 0) > 0);
    const rows = behind.reduce((sum, { stats }) => sum + pendingRows(stats, before.get(stats) ?? 0), 0);
    return {
      undelivered: Math.max(rows, left?.undelivered ?? 0),
      messages: left?.messages ?? 0,
      kept: left?.kept ?? 0,
      streams: behind.map(({ target }) => `${target.exchange} ${target.request_type}`),
      hung: [...new Set(ending.hung)],
    };
  }

  return {
    id,
    settings,
    drivers,
    exchanges,
    clock,
    log,
    messaging,
    store,
    orchestrator,
    lists,
    budget,
    reporter,
    stop,
  };
}

/** Circuit breakers before the exchanges' hosts; what changes with them is an event and a log line. */
function hostBreakers(
  { breaker }: Settings,
  store: StateStore,
  reporter: Reporter,
  clock: Clock,
  log: Log,
): HostBreakers {
  return new HostBreakers({
    store: store.breakers,
    figures: {
      failureThreshold: breaker.failure_threshold,
      windowMs: breaker.window_ms,
      openMs: breaker.open_ms,
      halfOpenMaxCalls: breaker.half_open_max_calls,
      successThreshold: breaker.success_threshold,
    },
    clock,
    onChange({ host, state, since, forced }) {
      const rest = forced ? 'until a command closes it' : `for ${breaker.open_ms / 1000} s`;
      const words = state === 'open' ? `open, no attempt to connect ${rest}` : state.replace('_', ' ');
      log.warn({ phase: 'breaker', host, state, forced }, `circuit breaker of ${host}: ${words}`);
      reporter.tell({ kind: 'state', target: null, detail: { breaker: { host, state, since, forced } } });
    },
  });
}

/** Rows that were received and are not acknowledged. @param before rows of which that was told before */
function pendingRows({ rows, repeats, acked }: StreamStats, before: number): number {
  return Math.max(0, rows - repeats - acked - before);
}

/** What is due is looked for again at the next tick; that it failed once is a fault of the program all the same. */
function tickFault(error: unknown): Fault {
  return new Fault(
    'unknown_error',
    'the tick of the pipelines',
    `Something due could not be handled: ${messageOf(error)}.`,
    'It is tried again; report this.',
    error,
  );
}

function streamKeys(exchanges: readonly Exchange[]): StreamKey[] {
  return exchanges.flatMap(({ id, types }) => types.map((type) => ({ exchange: id, request_type: type })));
}

function hostName(): string {
  // A shell has HOSTNAME without passing it on, and a service has none at all.
  return process.env.HOSTNAME || hostname() || 'collector';
}
