import { hostname } from 'node:os';
import { EXCHANGES } from '../../exchanges/index.ts';
import { HostBreakers } from '../application/host-breakers.ts';
import { Fences } from '../application/leases/fences.ts';
import { MarketLists } from '../application/market-lists.ts';
import { StreamFigures } from '../application/metrics/figures.ts';
import { Observation } from '../application/metrics/observation.ts';
import { Orchestrator } from '../application/orchestrator.ts';
import { Reporter } from '../application/reporter.ts';
import type { StateStore } from '../application/state-store.ts';
import { type Clock, sleep, systemClock } from '../common/clock.ts';
import type { Log } from '../common/log.ts';
import type { StreamKey } from '../core/desired/stream.ts';
import type { Exchange } from '../core/exchange.ts';
import { REGIONS } from '../core/market/market.ts';
import { ByteBudget } from '../core/pipeline/budget.ts';
import type { Leftover, Messaging } from '../infra/messaging.ts';
import { bunSockets } from '../infra/websocket/open-socket.ts';
import { connectionSettings } from './connection-settings.ts';
import { openControl } from './control.ts';
import { chooseDrivers, type Drivers } from './drivers.ts';
import { enabledExchanges, exchangeParts, listFetcher } from './exchange-parts.ts';
import { openHttp } from './http.ts';
import { openMessaging } from './messaging.ts';
import type { Settings } from './settings.ts';
import { openLeases, openStore } from './state.ts';

/** A running collector. */
export interface Collector {
  readonly id: string;
  readonly settings: Settings;
  readonly drivers: Drivers;
  readonly exchanges: readonly Exchange[];
  readonly clock: Clock;
  readonly log: Log;
  readonly messaging: Messaging;
  readonly orchestrator: Orchestrator;
  readonly lists: MarketLists;
  readonly budget: ByteBudget;
  readonly reporter: Reporter;
  /** Stops in the reverse order of the start. Resolves with what could not be delivered by the deadline. */
  stop(): Promise<Leftover>;
}

/** Time that is kept for the last flush after streams were given up, in ms. */
const LAST_FLUSH_MS = 1500;

/**
 * The composition root: everything is made here, handed what it needs, and started in order.
 * @param onStreams told how to stop as soon as streams may run, which is before the start is complete
 * @throws Fault with the exit code of whatever is not as it must be; streams that ran by then are stopped, their rows
 * delivered
 */
export async function startCollector(
  settings: Settings,
  log: Log,
  onStreams: (stop: () => Promise<Leftover>) => void = () => {},
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
    `messaging: ${drivers.messaging} (${drivers.messagingReason}); state: ${drivers.state} (${drivers.stateReason})`,
  );

  const regions = REGIONS.filter((region) => exchanges.some((exchange) => exchange.region === region));
  const store = openStore(settings, drivers, clock);
  await store.start(settings.startup.timeout_ms);
  const fences = new Fences(clock, settings.state.lease_ms);
  const messaging = await openMessaging(settings, drivers, {
    clock,
    log,
    regions,
  });
  const reporter = new Reporter(messaging.outbox, clock, log, id);
  const lists = new MarketLists(exchanges, {
    clock,
    refreshMs: settings.markets.refresh_ms,
    fetchJson: listFetcher(settings, clock, (exchange, ms, asked, answered) =>
      observation.offsets.date(exchange, ms, asked, answered),
    ),
    loadCached: async (exchange) => (await store.markets.read(exchange))?.listings ?? null,
    saveCached: (exchange, listings) => store.markets.write(exchange, clock.micros(), listings),
    onChange: (exchange) => control.marketsChanged(exchange.id),
    onRead: (exchange) => orchestrator.listRead(exchange.id),
    onFailure: (exchange, fault) =>
      reporter.error(fault, { target: null, context: { exchange: exchange.id, region: exchange.region } }),
  });
  const breakers = hostBreakers(settings, store, reporter, clock, log);
  const budget = new ByteBudget(settings.budget.bytes, settings.budget.stream_share);
  const figures = new StreamFigures();
  const leases = openLeases(settings, drivers, { store, fences, id, exchanges, reporter, clock, log });
  let sockets = 0;
  const orchestrator = new Orchestrator({
    clock,
    log,
    writer: messaging.writer,
    budget,
    batch: {
      windowMs: settings.batch.window_ms,
      maxRows: settings.batch.max_rows,
      maxBytes: settings.batch.max_bytes,
    },
    connection: connectionSettings(settings),
    reporter,
    figures,
    openSocket: bunSockets(clock, settings.connection.max_frame_bytes),
    nextSocketId: () => ++sockets,
    desired: store.desired,
    leases,
    pollMs: settings.state.poll_ms,
    keys: streamKeys(exchanges),
    exchange: exchangeParts(exchanges, settings, lists, clock, breakers, store.opens),
  });
  const control = openControl({
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
    outbox: messaging.outbox,
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
    messaging,
    store,
    budget,
    lists,
    breakers: () => breakers.known(),
    commands: control.intake,
    errors: () => reporter.errors,
  });
  log.info({ phase: 'http', address: http.address }, `page, health and metrics: ${http.address}`);
  observation.start();
  onStreams(stop);
  try {
    await orchestrator.start();
    await control.start();
  } catch (error) {
    // Streams may run by now: what they received is delivered before the program ends.
    await stop();
    throw error;
  }

  async function stop(): Promise<Leftover> {
    const deadline = clock.now() + settings.shutdown.timeout_ms;
    await Promise.race([control.stopIntake(), sleep(clock, settings.shutdown.timeout_ms / 4)]);
    lists.stop();
    const marked = control.stop();
    const stopped = orchestrator.stop();
    await Promise.race([stopped, sleep(clock, settings.shutdown.timeout_ms - LAST_FLUSH_MS)]);
    reporter.flush();
    observation.stop();
    await http.stop();
    const left = await messaging.flush(Math.max(0, deadline - clock.now() - LAST_FLUSH_MS / 3));
    const released = leases?.stop();
    await messaging.close();
    await Promise.race([Promise.all([marked, released]), sleep(clock, LAST_FLUSH_MS / 3)]);
    await store.stop();
    return left;
  }

  return {
    id,
    settings,
    drivers,
    exchanges,
    clock,
    log,
    messaging,
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

function streamKeys(exchanges: readonly Exchange[]): StreamKey[] {
  return exchanges.flatMap(({ id, types }) => types.map((type) => ({ exchange: id, request_type: type })));
}

function hostName(): string {
  // A shell has HOSTNAME without passing it on, and a service has none at all.
  return process.env.HOSTNAME || hostname() || 'collector';
}
