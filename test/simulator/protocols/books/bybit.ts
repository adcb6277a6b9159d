import type { BookChannel, BookLevel, Books, BookView, Numbers } from '../../books/channel.ts';
import { plain } from '../../books/text.ts';

/** Least milliseconds between frames, by depth. */
const EVERY_MS: Readonly<Record<string, number>> = { 1: 10, 50: 20, 200: 100, 1000: 200 };
const SEQ = 66_544_000_000;

/** https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook */
export const books: Books = {
  channel(name) {
    const [, depth = ''] = /^orderbook\.(\d+)$/.exec(name) ?? [];
    const everyMs = EVERY_MS[depth];
    if (everyMs === undefined) return undefined;
    return depth === '1' ? top(name, everyMs) : orderbook(name, everyMs, Number(depth));
  },
  restart: 'snapshot',
};

/** `u`: one more with each frame of the topic, 1 after a restart of the service. */
function sequence({ frame }: Numbers): number {
  return frame;
}

function orderbook(name: string, everyMs: number, depth: number): BookChannel {
  return {
    name,
    everyMs,
    depth,
    whole: (view) => [frame(name, 'snapshot', view)],
    changes: (change) => [frame(name, 'delta', change)],
    snapshotsAgain: true,
    sequence,
  };
}

/** The best level alone: only snapshots, and the same once more where nothing changed for 3 s. */
function top(name: string, everyMs: number): BookChannel {
  const whole = (view: BookView) => [frame(name, 'snapshot', view)];
  return { name, everyMs, depth: 1, whole, idle: { ms: 3000, text: whole }, sequence };
}

interface Told extends Numbers {
  readonly listing: BookView['listing'];
  readonly bids: readonly BookLevel[];
  readonly asks: readonly BookLevel[];
}

/** A size of "0" is a level that is gone. */
function frame(name: string, type: 'snapshot' | 'delta', told: Told): string {
  const side = (levels: readonly BookLevel[]) =>
    `[${levels.map(({ price, size }) => `["${plain(price)}","${plain(size)}"]`).join(',')}]`;
  const { symbol } = told.listing;
  return (
    `{"topic":"${name}.${symbol}","ts":${told.timeMs + 2},"type":"${type}","data":{"s":"${symbol}","b":${side(told.bids)},` +
    `"a":${side(told.asks)},"u":${sequence(told)},"seq":${SEQ + told.version}},"cts":${told.timeMs}}`
  );
}
