import type { RestAnswer } from '../../src/application/rest/book-fetches.ts';
import type { Fill, Gap } from '../../src/core/events.ts';
import type { Exchange } from '../../src/core/exchange.ts';
import { answer, pastTrades, type Style, type TradeFacts } from './backfill-parts.ts';
import { World } from './lease-rig.ts';

export const BY_ID: Style = { name: 'down by id', proof: 'ids', way: 'down', page: 20 };
export const OK = { status: 200, retryAfterMs: null };

export interface RestSide {
  /** Trades younger than this are not shown yet, in ms. */
  lateMs: number;
  /** Said instead of an answer. */
  refusal: RestAnswer | null;
  asked: number;
}

/** Collectors of an exchange that gives its past trades in this style. */
export function worldOf(style: Style, over: Partial<Exchange> = {}): { world: World; rest: RestSide } {
  const rest: RestSide = { lateMs: 300, refusal: null, asked: 0 };
  const exchange: Partial<Exchange> = {
    tradeIds: style.proof === 'ids' ? 'consecutive' : 'increasing',
    pastTrades: pastTrades(style),
    ...over,
  };
  const ask = async (world: World, url: string): Promise<RestAnswer> => {
    rest.asked++;
    await new Promise<void>((resolve) => world.clock.after(50, resolve));
    if (rest.refusal) return rest.refusal;
    const symbol = new URL(url).pathname.slice(1);
    const until = world.clock.micros() - rest.lateMs * 1000;
    const shown = world.traded.filter((one) => one.symbol === symbol && one.at <= until);
    const facts = shown.map(({ id, at }): TradeFacts => {
      return { id, restId: String(BigInt(at / 1000) * 10_000n), at, price: 1, volume: 1 };
    });
    return { ...OK, text: answer(style, url, facts) };
  };
  return { world: new World(15_000, exchange, ask), rest };
}

/** Ids of what lies in Kafka of a code, by how often each does. */
export function counts(world: World, symbol: string): Map<string, number> {
  const all = new Map<string, number>();
  for (const { batch } of world.delivered) {
    if (batch.market.symbol !== symbol) continue;
    for (const row of batch.rows) {
      const id = row.kind === 'trade' ? row.trade_id : '';
      all.set(id, (all.get(id) ?? 0) + 1);
    }
  }
  return all;
}

/** Trades since the first delivered one that are not there, and those that are there twice. */
export function verdict(world: World, symbol: string): { missing: string[]; twice: string[] } {
  const there = counts(world, symbol);
  const first = Math.min(...[...there.keys()].map(Number));
  const until = world.clock.micros() - 1_000_000;
  const due = world.traded.filter(
    (one) => one.symbol === symbol && one.at < until && Number(one.id) >= first,
  );
  return {
    missing: due.flatMap(({ id }) => (there.has(id) ? [] : [id])),
    twice: [...there].flatMap(([id, count]) => (count > 1 ? [id] : [])),
  };
}

export function fills(world: World): (Gap & { fill: Fill })[] {
  return world.gaps.flatMap((gap) => (gap.fill ? [{ ...gap, fill: gap.fill }] : []));
}

/** Ends the sockets of a collector; the exchange lets it in again after so long. */
export async function cut(world: World, ms: number): Promise<void> {
  world.members.at(-1)?.ban(ms);
  await world.clock.advance(ms);
}
