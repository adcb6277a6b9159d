import type { BookChange, BookChannel, BookLevel, Books, BookView, Numbers } from '../../books/channel.ts';
import { java } from '../../books/text.ts';

const FIRST = 100_434_000_000;

/** https://www.htx.com/en-us/opend/newApiPages/, market by price. */
export const books: Books = {
  channel(name) {
    if (name === 'depth.step0') return depth(name);
    const [, refreshed] = /^mbp\.refresh\.(5|10|20)$/.exec(name) ?? [];
    if (refreshed !== undefined) return refresh(name, Number(refreshed));
    const [, levels] = /^mbp\.(5|20|150|400)$/.exec(name) ?? [];
    return levels === undefined ? undefined : changing(name, Number(levels));
  },
  restart: 'end',
};

/** Whether a channel is on the address of that path: changes are on /feed alone. */
export function isOn(name: string, path: string): boolean {
  if (name.startsWith('depth.')) return path === '/ws';
  return name.startsWith('mbp.refresh.') || path === '/feed';
}

function sequence({ version }: Numbers): number {
  return FIRST + version;
}

function depth(name: string): BookChannel {
  const whole = (view: BookView) => {
    const tick = `${sides(view)},"version":${sequence(view)},"ts":${view.timeMs}`;
    return [`{"ch":"market.${view.listing.symbol}.${name}","ts":${view.timeMs + 5},"tick":{${tick}}}`];
  };
  return { name, everyMs: 1000, depth: 150, whole, sequence };
}

function refresh(name: string, levels: number): BookChannel {
  const whole = (view: BookView) => {
    const tick = `"seqNum":${sequence(view)},${sides(view)}`;
    return [`{"ch":"market.${view.listing.symbol}.${name}","ts":${view.timeMs},"tick":{${tick}}}`];
  };
  return { name, everyMs: 100, depth: levels, whole, sequence };
}

/** 150 and 400 levels: every 100 ms, a side without change is []. 5 and 20: with each change, it has no key at all. */
function changing(name: string, levels: number): BookChannel {
  const batched = levels >= 150;
  const text = (change: BookChange): string => {
    const { listing, timeMs, previous, bids, asks } = change;
    const told = [
      `"seqNum":${sequence(change)}`,
      `"prevSeqNum":${FIRST + previous}`,
      ...(batched || bids.length > 0 ? [`"bids":${side(bids)}`] : []),
      ...(batched || asks.length > 0 ? [`"asks":${side(asks)}`] : []),
    ];
    return `{"ch":"market.${listing.symbol}.${name}","ts":${timeMs},"tick":{${told.join(',')}}}`;
  };
  return {
    name,
    everyMs: batched ? 100 : 0,
    depth: levels,
    whole: () => [],
    changes: (change) => [text(change)],
    ...(batched && { tellsNothing: true }),
    sequence,
  };
}

/** The answer to {"req":"market.btcusdt.mbp.150"}. */
export function answer(topic: string, id: unknown, view: BookView): string {
  const head = id === undefined ? '' : `"id":${JSON.stringify(id)},`;
  return `{${head}"rep":"${topic}","status":"ok","ts":${view.timeMs},"data":{"seqNum":${sequence(view)},${sides(view)}}}`;
}

function sides({ bids, asks }: BookView): string {
  return `"bids":${side(bids)},"asks":${side(asks)}`;
}

function side(levels: readonly BookLevel[]): string {
  return `[${levels.map(({ price, size }) => `[${java(price)},${java(size)}]`).join(',')}]`;
}
