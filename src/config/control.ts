import { type AskPinner, DesiredWriter, type ExchangeOffer } from '../application/commands/desired-writer.ts';
import { CommandIntake } from '../application/commands/intake.ts';
import { type Notice, StandingOrders } from '../application/commands/standing-orders.ts';
import type { Sight } from '../application/markets/listing-watch.ts';
import type { MarketLists } from '../application/markets/market-lists.ts';
import type { Reporter } from '../application/reporting/reporter.ts';
import type { ActualStream, StateStore } from '../application/state-store.ts';
import { ActualState } from '../application/streams/actual-state.ts';
import type { HostBreakers } from '../application/streams/host-breakers.ts';
import type { Orchestrator } from '../application/streams/orchestrator.ts';
import type { RunningStream } from '../application/streams/stream.ts';
import type { Clock } from '../common/clock.ts';
import { Fault } from '../common/errors.ts';
import type { Log } from '../common/log.ts';
import { isRunning, type StreamKey } from '../core/desired/stream.ts';
import type { Exchange } from '../core/exchange.ts';
import { openConsumer, type RecordConsumer } from '../infra/kafka/consume/consumer.ts';
import { topicName } from '../infra/kafka/topics/topics.ts';
import { hasEnded } from '../infra/process/identity.ts';
import { enabledExchanges } from './exchange-parts.ts';
import { CLIENT_ID, librdkafkaOptions } from './messaging.ts';
import { exchangeSettings, type Settings } from './settings.ts';

export interface ControlParts {
  /** Id of this collector. */
  readonly id: string;
  /** Where its configuration lies, by a name that is the same after a restart. */
  readonly place: string;
  readonly settings: Settings;
  /** Every exchange of this build. */
  readonly exchanges: readonly Exchange[];
  readonly store: StateStore;
  readonly lists: MarketLists;
  readonly orchestrator: Orchestrator;
  readonly breakers: HostBreakers;
  readonly reporter: Reporter;
  /** Address of the brokers that commands come from; null where there are none. */
  readonly bootstrap: string | null;
  readonly clock: Clock;
  readonly log: Log;
}

/** Commands in, desired state followed, actual state shown. */
export interface Control {
  readonly intake: CommandIntake;
  /** Takes up the streams of the configuration, then the commands. @throws Fault config_invalid, broker_unavailable, … */
  start(): Promise<void>;
  /** To be called with every change of a market list. */
  marketsChanged(id: string): void;
  /** What does not run as it was ordered. */
  notices(): Notice[];
  /** Takes no more commands; those under way that are not durable come again after the next start. */
  stopIntake(): Promise<void>;
  /** Marks what ran as disconnected. */
  stop(): Promise<void>;
}

/** Commands handed over before the first of them is acknowledged. */
const CONCURRENCY = 32;

export function openControl(parts: ControlParts): Control {
  const { settings, store, lists, orchestrator, breakers, reporter, clock, log } = parts;
  const offers = exchangeOffers(parts.exchanges, settings);
  const pinner = askPinner(parts);
  const { memory } = orchestrator;
  const nowMs = (): number => Math.floor(clock.micros() / 1000);
  const writer = new DesiredWriter(store.desired, memory, nowMs, pinner);
  const actual = new ActualState({
    store: store.actual,
    clock,
    running: () => orchestrator.streams().flatMap(actualOf),
    elsewhere: (target) => orchestrator.elsewhere(target).length > 0,
  });
  const orders = new StandingOrders({
    writer,
    offers,
    lists,
    reporter,
    clock,
    log,
    want: (stream) => void orchestrator.want(stream),
    sight: (key, symbol) => sightOf(orchestrator, key, symbol),
  });
  const intake = new CommandIntake({
    store,
    memory,
    pinner,
    group: settings.kafka.group_id,
    offers,
    lists,
    marketTimeoutMs: settings.markets.timeout_ms,
    breakers,
    reporter,
    clock,
    log,
    streamStatus: (key) => streamStatus(orchestrator, key),
    onDesiredChanged: (stream) => void orchestrator.want(stream),
  });
  let consumer: RecordConsumer | null = null;

  reporter.listen((event) => {
    if (event.kind === 'state') actual.changed();
  });
  store.onAvailability((available) => {
    if (!available) return away();
    log.info({ phase: 'state' }, 'Redis is back');
    void orders.storeIsBack();
  });
  store.desired.onLoss(() => {
    void lists.saveAll();
    void breakers.look();
  });

  function away(): void {
    const remedy = 'It is tried again; streams go on, commands wait in Kafka.';
    const words = `Redis cannot be used: ${store.reason}.`;
    reporter.error(new Fault('redis_unavailable', 'state store', words, remedy), { target: null });
  }

  function nothingRuns(): boolean {
    return parts.exchanges.every(({ id: exchange, types }) =>
      types.every((request_type) => {
        const desired = orchestrator.desired({ exchange, request_type });
        return desired === undefined || !isRunning(desired);
      }),
    );
  }

  return {
    intake,
    async start() {
      if (!store.available) away();
      await orders.pin(settings.streams, nothingRuns);
      actual.start();
      actual.changed();
      if (parts.bootstrap === null) return;
      consumer = await openConsumer(
        {
          bootstrapServers: parts.bootstrap,
          clientId: CLIENT_ID,
          options: consumerOptions(settings),
          groupId: settings.kafka.group_id,
          topics: [topicName('ws.command', null)],
          concurrency: CONCURRENCY,
          startupTimeoutMs: settings.startup.timeout_ms,
        },
        (record) => intake.handle(record),
        { clock, log },
      );
    },
    marketsChanged(id) {
      void orders.marketsChanged(id);
    },
    notices: () => orders.notices(),
    async stopIntake() {
      orders.stop();
      intake.stop();
      await consumer?.close();
    },
    stop: () => actual.stop(),
  };
}

/** For so long after the start, in ms, the pins of a collector that ended at the same place are this one's to take back. */
const YOUNG_MS = 60_000;

/** How this collector stands to the pins of the others. */
function askPinner({ id, place, store, clock }: ControlParts): AskPinner {
  const startedMs = clock.now();
  return async () => {
    const alive = (await store.collectors.alive()).filter(
      ({ info }) => info.process === null || !hasEnded(info.process),
    );
    const living = new Set([id, ...alive.map((one) => one.id)]);
    const young = clock.now() - startedMs < YOUNG_MS;
    return {
      collector: id,
      place,
      isLiving: (collector) => living.has(collector),
      // Without anybody else, this configuration is the only one there is.
      succeeds: (pin) => young && !living.has(pin.collector) && (pin.place === place || living.size === 1),
    };
  };
}

/** What is seen here of a code: by its connection, where that is this collector's. */
function sightOf(orchestrator: Orchestrator, key: StreamKey, symbol: string): Sight {
  const shard = orchestrator.desired(key)?.shards.findIndex((symbols) => symbols.includes(symbol)) ?? -1;
  const other = orchestrator.elsewhere(key).find((one) => one.shard === shard);
  if (other) return { where: other.collector === null ? 'away' : 'elsewhere' };
  const stream = orchestrator.stream(key);
  const held = stream?.shards().find((one) => one.shard === shard);
  if (!held || (held.connection.state !== 'live' && held.connection.state !== 'stale'))
    return { where: 'away' };
  const code = held.connection.codes.find((one) => one.symbol === symbol);
  const lane = Array.from(stream?.lanes ?? []).find(({ market }) => market.symbol === symbol);
  const pace = stream && lane?.received ? (lane.lastReceivedAt - stream.startedAt) / lane.received : null;
  const refused = (code?.refused ?? null) !== null;
  return { where: 'here', lastDataAt: code?.lastDataAt ?? null, pace, refused };
}

/** What the producer alone understands is left out. */
function consumerOptions(settings: Settings): Settings['kafka']['options'] {
  const { 'compression.codec': _, ...options } = librdkafkaOptions(settings);
  return options;
}

function exchangeOffers(exchanges: readonly Exchange[], settings: Settings): Map<string, ExchangeOffer> {
  const enabled = new Map(enabledExchanges(exchanges, settings).map((exchange) => [exchange.id, exchange]));
  return new Map(
    exchanges.map((exchange) => {
      const { url, allowed_hosts } = exchangeSettings(settings, exchange.id);
      const offer: ExchangeOffer = {
        exchange: enabled.get(exchange.id) ?? exchange,
        enabled: enabled.has(exchange.id),
        url,
        allowedHosts: allowed_hosts,
      };
      return [exchange.id, offer];
    }),
  );
}

/**
 * A stream that has any part in data counts as connected. Of the collectors that share a stream the one with its first
 * shard writes; none where that is another.
 */
function actualOf(stream: RunningStream): ActualStream[] {
  const { target, connectionId, startedAt, desired, speaksSince } = stream;
  if (speaksSince === null) return [];
  const live = stream.snapshots().some(({ state }) => state === 'live' || state === 'stale');
  let lastActive = startedAt;
  for (const { lastReceivedAt } of stream.lanes) lastActive = Math.max(lastActive, lastReceivedAt);
  const status = live ? 'connected' : 'connecting';
  return [{ target, status, connectionId, createdAt: speaksSince, lastActive, symbols: desired.codes }];
}

function streamStatus(orchestrator: Orchestrator, key: StreamKey): Readonly<Record<string, unknown>> | null {
  const stream = orchestrator.stream(key);
  const elsewhere = orchestrator.elsewhere(key);
  if (!stream) return elsewhere.length === 0 ? null : { state: null, sockets: [], elsewhere };
  const { state, connectionId, startedAt } = stream;
  const sockets = stream.shards().map(({ shard, connection }) => {
    const { since, reason, retryAt, attempts, codes } = connection;
    const refused = codes.flatMap(({ symbol, refused: why }) =>
      why === null ? [] : [{ symbol, reason: why }],
    );
    const unconfirmed = codes.flatMap((code) => (code.unconfirmed === null ? [] : [code.symbol]));
    const confirmed = codes.filter((code) => code.confirmed).length;
    return {
      shard,
      state: connection.state,
      since,
      reason,
      retry_at: retryAt,
      attempts,
      confirmed,
      refused,
      unconfirmed,
    };
  });
  return { state, connection_id: connectionId, started_at: startedAt, sockets, elsewhere };
}
