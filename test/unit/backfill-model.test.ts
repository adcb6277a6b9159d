import { describe, expect, test } from 'bun:test';
import type { KnownHole } from '../../src/core/backfill/known-hole.ts';
import { neighbourOf } from '../../src/core/backfill/known-hole.ts';
import { type Chain, Walk } from '../../src/core/backfill/walk.ts';
import type { Neighbour } from '../../src/core/past-trades.ts';
import {
  answer,
  MARKET,
  pastTrades,
  START,
  STYLES,
  type Style,
  type TradeFacts,
  tape,
  tradeOf,
} from './backfill-parts.ts';
import { randomOf } from './random.ts';

const ROUNDS = 400;

interface Case {
  readonly all: readonly TradeFacts[];
  readonly hole: KnownHole;
  /** Trades that are missing. */
  readonly missing: readonly TradeFacts[];
  readonly visible: (pass: number) => readonly TradeFacts[];
}

/** Trades, a cut somewhere in them, a few of the cut's that came all the same, and an exchange that shows them late. */
function chance(style: Style, random: () => number): Case {
  const below = (most: number): number => Math.floor(random() * most);
  const all = tape(20 + below(80), style.proof === 'ids', random);
  const left = 1 + below(all.length - 2);
  const right = Math.min(all.length - 1, left + 1 + below(random() < 0.2 ? 60 : 15));
  const inside = all.slice(left + 1, right);
  const known = inside.filter(() => random() < 0.15);
  // What was received after the hole, as far as it cannot be told from it by its time.
  const received = all.slice(right + 1).filter(({ at }) => at === (all[right] as TradeFacts).at);
  const before = random() < 0.1 ? null : neighbourOf(tradeOf(all[left] as TradeFacts, 0));
  const seen = new Set(all.slice(0, left + 1).map(({ id }) => id));
  const remembers = random() < 0.7 && !style.otherIds;
  const begin = (all[left] as TradeFacts).at;
  const late = below(4) === 0 ? below(12) : 0;
  return {
    all,
    hole: {
      market: MARKET,
      before,
      after: neighbourOf(tradeOf(all[right] as TradeFacts, 0)),
      from: before === null ? begin + 1 : begin,
      to: (all[right] as TradeFacts).at,
      known: [...known, ...received].map((one) => neighbourOf(tradeOf(one, 0))),
      ...(remembers ? { seen: (id: string) => seen.has(id) } : {}),
    },
    missing: inside.filter((one) => !known.includes(one) && (before !== null || one.at > begin)),
    visible: (pass) => (pass < 2 && late > 0 ? all.slice(0, Math.max(0, right + 1 - late)) : all),
  };
}

interface Walked {
  readonly walk: Walk;
  /** Pages that were asked for. */
  readonly asked: number;
}

function walked(
  style: Style,
  { hole, visible }: Pick<Case, 'hole' | 'visible'>,
  pages: number,
  earlier: readonly Chain[] = [],
): Walked {
  const past = pastTrades(style);
  const walk = new Walk(past, hole, START, earlier);
  let asked = 0;
  for (let pass = 0; pass < 3; pass++) {
    if (pass > 0) walk.again(hole, START);
    for (let page = 0; page < pages && walk.url !== null; page++) {
      asked++;
      const read = past.read(answer(style, walk.url, visible(pass)), MARKET, START);
      if ('refused' in read) throw new Error(read.refused);
      walk.take(read, START);
    }
    if (walk.found().complete) break;
  }
  return { walk, asked };
}

/** What was read of another hole of the code, which may lie anywhere beside this one, or in it. */
function readEarlier(style: Style, { all, hole }: Case, random: () => number): Chain {
  const left = Math.floor(random() * (all.length - 1));
  const right = left + 1 + Math.floor(random() * (all.length - left - 1));
  const [before, after] = [left, right].map((at) => neighbourOf(tradeOf(all[at] as TradeFacts, 0)));
  const other = { ...hole, before: before as Neighbour, after: after as Neighbour, known: [] };
  const [from, to] = [(all[left] as TradeFacts).at, (all[right] as TradeFacts).at];
  const { walk } = walked(style, { hole: { ...other, from, to }, visible: () => all }, 50);
  return walk.chained(Number.POSITIVE_INFINITY);
}

describe.each(STYLES.map((style) => [style.name, style] as const))('%s', (_, style) => {
  test('what is found is missing, and all that is missing where it says so', () => {
    let completed = 0;
    let short = 0;
    for (let seed = 1; seed <= ROUNDS; seed++) {
      const random = randomOf(seed);
      const one = chance(style, random);
      const pages = random() < 0.2 ? 1 : 50;
      const { rows, complete, rest } = walked(style, one, pages).walk.found();
      const name = (facts: TradeFacts): string => (style.otherIds ? facts.restId : facts.id);
      const told = rows.map(({ trade_id }) => trade_id);
      const missing = one.missing.map(name);
      const where = `seed ${seed}`;
      expect(new Set(told).size, where).toBe(told.length);
      if (!style.otherIds) {
        for (const id of told) expect(missing, `${where}: ${id} was not missing`).toContain(id);
        if (complete) expect(told.toSorted(), where).toEqual(missing.toSorted());
      } else if (complete) sameValues(told, one, where);
      if (complete) completed++;
      else short++;
      expect(complete, where).toBe(rest.length === 0);
      if (style.proof === 'ids' && !complete && one.hole.before !== null) {
        const left = rest.flatMap(({ ids }) => (ids ? [ids] : []));
        const untold = missing.filter((id) => !told.includes(id));
        for (const id of untold)
          expect(
            left.some(({ first, last }) => first <= Number(id) && Number(id) <= last),
            where,
          ).toBe(true);
      }
    }
    // The worlds are neither all easy nor all hopeless.
    expect(completed).toBeGreaterThan(ROUNDS / 4);
    expect(short).toBeGreaterThan(0);
  });
});

describe.each(STYLES.filter(({ proof }) => proof === 'time').map((style) => [style.name, style] as const))(
  '%s',
  (_, style) => {
    test('what was read of other holes of the code saves pages and changes nothing', () => {
      let saved = 0;
      let none = 0;
      for (let seed = 1; seed <= ROUNDS; seed++) {
        const random = randomOf(seed);
        const one = { ...chance(style, random), visible: () => all };
        const { all } = one;
        const alone = walked(style, one, 50);
        const chains = Array.from({ length: 3 }, () => readEarlier(style, one, random));
        const helped = walked(style, one, 50, chains);
        const names = ({ walk }: Walked) =>
          walk
            .found()
            .rows.map(({ trade_id }) => trade_id)
            .toSorted();
        const { complete } = alone.walk.found();
        // One that cannot be read to its end may be helped to more of it.
        if (complete) expect(names(helped), `seed ${seed}`).toEqual(names(alone));
        else expect(names(helped), `seed ${seed}`).toEqual(expect.arrayContaining(names(alone)));
        if (complete) expect(helped.walk.found().complete, `seed ${seed}`).toBe(true);
        expect(helped.asked, `seed ${seed}`).toBeLessThanOrEqual(alone.asked);
        if (helped.asked < alone.asked) saved++;
        if (helped.asked === 0) none++;
      }
      expect(saved).toBeGreaterThan(ROUNDS / 4);
      expect(none).toBeGreaterThan(ROUNDS / 10);
    });
  },
);

/** Where only the values say which is which, as many of each are found as are missing, but for those of the edges. */
function sameValues(told: readonly string[], { all, hole, missing }: Case, where: string): void {
  const edges = new Set([hole.before?.timestamp, hole.after?.timestamp]);
  const inner = (facts: TradeFacts): boolean => !edges.has(facts.at);
  const byRest = new Map(all.map((facts) => [facts.restId, facts]));
  const names = (list: readonly TradeFacts[]): string[] =>
    list
      .filter(inner)
      .map(({ at, price, volume }) => `${at} ${price} ${volume}`)
      .toSorted();
  expect(names(told.map((id) => byRest.get(id) as TradeFacts)), where).toEqual(names(missing));
}
