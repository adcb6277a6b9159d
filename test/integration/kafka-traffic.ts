import { expect } from 'bun:test';
import { systemClock } from '../../src/common/clock.ts';
import { createLog } from '../../src/common/log.ts';
import type { Market } from '../../src/core/market/market.ts';
import { openKafka } from '../../src/infra/kafka/client/open-kafka.ts';
import type { Messaging } from '../../src/infra/messaging.ts';
import { readTopic } from '../services/avro-consumer.ts';
import { batch, settings, someMarkets, ticker, trade } from './messaging-parts.ts';

export const TRADES = 'trade-data.korea';

/** Rows of some codes, ten times a second, beside tickers of another topic. */
export async function traffic(bootstrap: string, options: Readonly<Record<string, string>>) {
  const lost: unknown[] = [];
  const messaging = await openKafka(
    settings(bootstrap, {
      lingerMs: 5,
      topics: { create: false, partitions: 2, replication: -1 },
      options,
    }),
    { clock: systemClock, log: createLog('silent', false), onLoss: (loss) => void lost.push(loss) },
  );
  const markets = someMarkets(10);
  const trades: Promise<unknown>[] = [];
  const late: number[] = [];
  let sent = 0;
  let tickers = 0;
  const timer = setInterval(() => {
    for (const of of markets) trades.push(messaging.writer.write(batch(of, [trade(of, sent)])));
    sent++;
    const at = Date.now();
    for (const of of markets)
      void messaging.writer.write(batch(of, [ticker(of, sent)])).then(() => {
        tickers++;
        late.push(Date.now() - at);
      });
  }, 100);
  return {
    messaging,
    markets,
    lost,
    /** Tickers acknowledged so far, and how long the slowest of them took. */
    tickers: () => ({ acknowledged: tickers, slowestMs: Math.max(0, ...late) }),
    async end() {
      clearInterval(timer);
      await Promise.all(trades);
      return sent;
    },
  };
}

export type Traffic = Awaited<ReturnType<typeof traffic>>;

/** Resolves when it holds, with the milliseconds that took; throws after `ms`. */
export async function until(what: string, ms: number, holds: () => boolean): Promise<number> {
  const began = Date.now();
  while (!holds()) {
    if (Date.now() - began > ms) throw new Error(`not within ${ms} ms: ${what}`);
    await Bun.sleep(50);
  }
  return Date.now() - began;
}

export const troubled = (messaging: Messaging, words: RegExp) => () =>
  messaging.state().troubles.some((trouble) => words.test(trouble));
export const well = (messaging: Messaging) => () => messaging.state().troubles.length === 0;

/** Every row once, and in order. @param from rows before it went with the topic */
export async function expectAll(
  bootstrap: string,
  { markets }: Traffic,
  sent: number,
  from = () => 0,
): Promise<void> {
  const messages = await readTopic<{ code: string; data: { trade_id: string }[] }>({
    bootstrap,
    topic: TRADES,
  });
  for (const of of markets) {
    const ids = messages
      .filter(({ value }) => value?.code === of.code)
      .flatMap(({ value }) => value?.data.map((row) => row.trade_id) ?? []);
    const first = from();
    expect(ids.slice(ids.indexOf(idOf(of, first)))).toEqual(
      Array.from({ length: sent - first }, (_, n) => idOf(of, first + n)),
    );
  }
}

function idOf(of: Market, n: number): string {
  return trade(of, n).trade_id;
}
