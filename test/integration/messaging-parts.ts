import { systemClock } from '../../src/common/clock.ts';
import { createLog } from '../../src/common/log.ts';
import { type Market, market, type Region } from '../../src/core/market/market.ts';
import type { Row, Ticker, Trade } from '../../src/core/market/rows.ts';
import type { Batch } from '../../src/core/ports.ts';
import { BREAKER_DEFAULTS } from '../../src/infra/kafka/client/breaker.ts';
import { type KafkaSettings, openKafka } from '../../src/infra/kafka/client/open-kafka.ts';
import type { MessagingDeps } from '../../src/infra/kafka/produce/prepared-encodings.ts';
import type { Messaging } from '../../src/infra/messaging.ts';

export const deps: MessagingDeps = { clock: systemClock, log: createLog('silent', false) };

export function settings(bootstrapServers: string, more: Partial<KafkaSettings> = {}): KafkaSettings {
  return {
    bootstrapServers,
    clientId: 'test',
    options: {},
    lingerMs: 20,
    topics: { create: true, partitions: 4, replication: -1 },
    regions: ['korea'],
    registry: null,
    breaker: BREAKER_DEFAULTS,
    startupTimeoutMs: 15_000,
    ...more,
  };
}

/** Opens messaging, hands it to the test and closes it, however the test ends. */
export async function withKafka(
  wanted: KafkaSettings,
  test: (messaging: Messaging) => Promise<void>,
): Promise<void> {
  const messaging = await openKafka(wanted, deps);
  try {
    await test(messaging);
  } finally {
    await messaging.close();
  }
}

export function trade(of: Market, id: number): Trade {
  return {
    kind: 'trade',
    market: of,
    timestamp: 1_790_000_000_000_000 + id,
    received_at: 1_790_000_000_100_000 + id,
    stream_type: 'REALTIME',
    trade_id: `17900000000000000${id}`,
    fills: 1,
    price: id + 0.5,
    volume: 2,
    amount: 2 * id + 1,
    side: id % 2 === 0 ? 'BUY' : 'SELL',
  };
}

export function ticker(of: Market, id: number): Ticker {
  return {
    kind: 'ticker',
    market: of,
    timestamp: 1_790_000_000_000_000 + id,
    received_at: 1_790_000_000_100_000 + id,
    stream_type: 'SNAPSHOT',
    open: 1,
    high: 2,
    low: null,
    close: id,
    volume: null,
    quote_volume: 1.5,
    prev_close: null,
    change_price: -0.1,
    change_rate: null,
    bid: 0,
    bid_size: 1e-9,
    ask: null,
    ask_size: null,
  };
}

export function batch(of: Market, rows: readonly Row[], more: Partial<Batch> = {}): Batch {
  const [first] = rows;
  return {
    exchange: 'upbit',
    region: 'korea' satisfies Region,
    requestType: first?.kind ?? 'trade',
    market: of,
    rows,
    correlationId: null,
    fence: null,
    ...more,
  };
}

/** Markets that no other test uses, so that their rows can be told apart on a shared broker. */
export function someMarkets(count: number): Market[] {
  const run = crypto.randomUUID().slice(0, 6).toUpperCase();
  return Array.from({ length: count }, (_, i) => market(`KRW-${run}${i}`, `${run}${i}`, 'KRW'));
}
