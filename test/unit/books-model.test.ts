import { describe, expect, test } from 'bun:test';
import { EXCHANGES } from '../../exchanges/index.ts';
import { openSession } from '../../src/core/books/open-session.ts';
import type { Event, Exchange } from '../../src/core/exchange.ts';
import { plainLevels } from '../../src/core/market/levels.ts';
import { Markets } from '../../src/core/market/markets.ts';
import type { Orderbook } from '../../src/core/market/rows.ts';
import { Market } from './book-model/market.ts';
import { WIRES, type Wire } from './book-model/wires.ts';
import { seeded } from './connection-parts.ts';

/**
 * Random frames of each exchange, with some lost, doubled, swapped and numbers set back, against books that this test
 * keeps by itself: what readers make of the rows is a book that the exchange had, always, and its latest in the end.
 */
const T0 = 1_790_134_414_000_000;
const STEP = 50_000;

interface Frame {
  readonly text: string;
  /** The book of the exchange behind it. */
  readonly state: string;
  /** Brings news of the book. */
  readonly news: boolean;
}

/** The reader's rule. */
class Reader {
  #sides = { bids: new Map<number, number>(), asks: new Map<number, number>() };
  sequence: number | null = null;
  whole = false;

  take(row: Orderbook): 'applied' | 'past' | 'hole' | 'waits' {
    const { type, sequence, prev_sequence: follows, depth } = row;
    if (type === 'SNAPSHOT') {
      this.#sides = { bids: new Map(), asks: new Map() };
      this.whole = true;
    } else if (!this.whole) return 'waits';
    else if (sequence !== null && this.sequence !== null && follows !== this.sequence) {
      if (sequence <= this.sequence) return 'past';
      if (follows !== null && follows > this.sequence) return 'hole';
    }
    for (const name of ['bids', 'asks'] as const) {
      const side = this.#sides[name];
      for (const { price, size } of plainLevels(row[name]))
        size === 0 ? side.delete(price) : side.set(price, size);
      if (depth !== null) this.#sides[name] = new Map(this.#best(name).slice(0, depth));
    }
    this.sequence = type === 'SNAPSHOT' ? sequence : (sequence ?? this.sequence);
    return 'applied';
  }

  spell(): string {
    return JSON.stringify([this.#best('bids'), this.#best('asks')]);
  }

  #best(name: 'bids' | 'asks'): [number, number][] {
    const sign = name === 'bids' ? -1 : 1;
    return [...this.#sides[name]].sort(([a], [b]) => sign * (a - b));
  }
}

/** What may happen to frames on their way, as far as the exchange gives the means to find it out. */
function fatesOf({ finds, setsBack }: Wire): readonly string[] {
  const found = finds === 'nothing' ? [] : ['lost', 'swapped'];
  return ['twice', ...found, 'again', ...(setsBack ? ['back'] : [])];
}

function run(wire: Wire, exchange: Exchange, seed: number, faults: boolean) {
  const random = seeded(seed);
  const pick = (most: number) => Math.floor(random() * most);
  const market = new Market(random, wire.firstSequence, () => wire.step(pick), wire.levels, wire.most);
  const markets = new Markets((symbol) => exchange.markets.split(symbol));
  const own = markets.get(wire.symbol);
  if (!own) throw new Error(wire.symbol);
  const session = openSession(exchange, 'orderbook', markets, { keyframeMs: 3000 });
  const start = session.books?.start;
  const rows: Orderbook[] = [];
  const breaks: string[] = [];
  const reader = new Reader();
  const states = new Map<number, string>();
  let whole = false;
  let at = T0;
  let sent = 0;
  /** Steps until the next whole book comes, made when it was asked for or when it comes. */
  let coming: { in: number; readonly frame: Frame | null } | null = null;

  const frameOf = (text: string, news = true): Frame => ({
    text: wire.numbered ? wire.numbered(text, ++sent) : text,
    state: market.spell(wire.most),
    news,
  });
  const wholeFrame = () => frameOf(wire.whole(market, at / 1000));
  const ask = (): void => {
    // What is had over REST, or upon a request, may be old when it comes.
    const early = start === 'fetched' || (start === 'asked' && pick(2) === 0);
    coming = { in: pick(4), frame: early ? wholeFrame() : null };
  };

  function hear(event: Event, frame: Frame | null): void {
    if (event.kind === 'book') {
      whole = event.whole;
      if (event.whole) return;
      if (event.cause) breaks.push(event.cause);
      if (start === 'sent')
        for (const [add, drop] of [
          [[], [own]],
          [[own], []],
        ] as never[][][])
          session.change(add as never, add as never, drop as never); // prettier-ignore
      ask();
    } else if (event.kind === 'orderbook') took(event, frame);
    else expect(event.kind).not.toBe('reject');
  }

  function took(row: Orderbook, frame: Frame | null): void {
    rows.push(row);
    const before = reader.spell();
    const bad = row.checksum_ok === false;
    expect(reader.take(row)).toBe('applied');
    // What comes out of our own hand is what readers have.
    if (row.stream_type === 'KEYFRAME') expect(reader.spell()).toBe(before);
    else if (bad) return;
    else if (wire.finds === 'links')
      expect(reader.spell()).toBe(states.get(reader.sequence ?? -1) ?? 'unknown');
    else expect(reader.spell()).toBe(frame?.state ?? 'unknown');
  }

  function deliver(frame: Frame): void {
    at += 1000;
    session.read(frame.text, at, (event) => hear(event, frame));
    session.look?.(at, (event) => hear(event, frame));
  }

  function subscribe(): void {
    if (wire.subscribed) session.read(wire.subscribed, at, () => {});
  }

  session.open();
  for (const text of wire.opening ?? []) session.read(text, at, () => {});
  session.change([own], [own], []);
  states.set(market.sequence, market.spell(wire.most));
  subscribe();
  const frames: Frame[] = [wholeFrame()];
  let back = false;
  for (let n = 0; n < 400; n++) {
    at += STEP;
    const fate =
      faults && n > 5 && n < 380 && random() < 0.12 ? fatesOf(wire)[pick(fatesOf(wire).length)] : 'none';
    const setBack: boolean = fate === 'back' && !back && whole;
    back ||= setBack;
    if (setBack && wire.setsBack === 'book') market.setBack(1);
    const change = setBack && wire.setsBack === 'change' ? market.change(1) : null;
    if (setBack && !change) frames.push(wholeFrame());
    const next = change ?? market.change();
    states.set(market.sequence, market.spell(wire.most));
    if (setBack && !change) states.set(1, frames.at(-1)?.state ?? '');
    const frame = frameOf(wire.change(next, market, Math.floor(at / 1000)));
    if (fate !== 'lost') frames.push(frame);
    if (fate === 'twice') frames.push(frame);
    if (fate === 'swapped' && frames.length > 1) frames.push(...frames.splice(-2, 1));
    if (fate === 'again' && start === 'sent') frames.push(wholeFrame());
    if (wire.proof && pick(6) === 0) frames.push(frameOf(wire.proof(market), false));
    // The way is slow now and then, so that frames can change places.
    if (random() < 0.8) for (const one of frames.splice(0)) deliver(one);
    const due = coming as { in: number; frame: Frame | null } | null;
    if (due && --due.in < 0) {
      coming = null;
      for (const one of frames.splice(0)) if (start !== 'sent') deliver(one);
      subscribe();
      deliver(due.frame ?? wholeFrame());
    }
  }
  for (const one of frames.splice(0)) deliver(one);
  for (let n = 0; n < 5 && (coming || !whole); n++) {
    coming = null;
    subscribe();
    deliver(wholeFrame());
  }
  return { market, reader, rows, breaks };
}

describe.each(WIRES.map((wire) => [wire.id, wire] as const))('%s: random frames', (id, wire) => {
  const exchange = EXCHANGES.find((one) => one.id === id) as Exchange;

  test.each(Array.from({ length: 15 }, (_, at) => at + 1))(
    'with faults: readers have the book of the exchange (%p)',
    (seed) => {
      const { market, reader, rows, breaks } = run(wire, exchange, seed, true);
      expect(reader.spell()).toBe(market.spell(wire.most));
      expect(breaks.length > 0).toBe(wire.finds !== 'nothing');
      // Whoever begins at any row has the same book in the end.
      const begun = new Reader();
      const last = rows.findLastIndex(({ type }) => type === 'SNAPSHOT');
      for (const row of rows.slice(Math.floor((seed / 16) * last))) begun.take(row);
      expect(begun.spell()).toBe(market.spell(wire.most));
    },
  );

  test('without faults nothing ever breaks', () => {
    for (let seed = 100; seed < 110; seed++) {
      const { market, reader, rows, breaks } = run(wire, exchange, seed, false);
      expect(breaks).toEqual([]);
      expect(reader.spell()).toBe(market.spell(wire.most));
      expect(rows.filter(({ checksum_ok }) => checksum_ok === false)).toEqual([]);
      expect(rows.filter(({ stream_type }) => stream_type === 'KEYFRAME').length).toBeGreaterThan(3);
    }
  });
});
