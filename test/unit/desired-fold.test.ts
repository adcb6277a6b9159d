import { expect, test } from 'bun:test';
import type { Command } from '../../src/core/commands/command.ts';
import { apply } from '../../src/core/desired/apply.ts';
import { reselect } from '../../src/core/desired/reselect.ts';
import type { StreamRules } from '../../src/core/desired/rules.ts';
import { type DesiredStream, emptyStream } from '../../src/core/desired/stream.ts';
import { Markets } from '../../src/core/market/markets.ts';
import { randomOf } from './random.ts';

/**
 * The meaning of commands told a second time, as sets and without shards or versions, and held against the reducer
 * over random sequences.
 */

const SEED = Number(process.env.KCS_SEED ?? Date.now() % 1_000_000_007);
const SEQUENCES = 1000;
const NOW = 1_790_000_000_000;
const PER_SOCKET = 3;
const SOCKETS = 5;
const BASES = [
  'BTC',
  'ETH',
  'XRP',
  'SOL',
  'ADA',
  'DOT',
  'TRX',
  'XLM',
  'ETC',
  'NEO',
  'ICX',
  'QTUM',
  'ZRX',
  'BAT',
  'LSK',
  'ARK',
  'STEEM',
];

const RULES: StreamRules = {
  exchange: 'upbit',
  enabled: true,
  region: 'korea',
  types: ['ticker'],
  codesPerSocket: PER_SOCKET,
  sockets: SOCKETS,
  addresses: { endpoint: 'wss://a.example/', hosts: ['a.example'], allowed: [], replaced: null },
};

interface Model {
  all: boolean;
  out: Set<string>;
  named: Set<string>;
  fixed: Set<string>;
  fixedAll: boolean;
}

/** What a command does to the model. @returns the outcome */
function fold(model: Model, command: Command, listed: ReadonlySet<string>): string {
  const { target, symbols, action } = command;
  if (target.exchange !== 'upbit' || target.region !== 'korea' || target.request_type !== 'ticker')
    return 'refused';
  if (command.url !== null) return 'refused';
  if (command.ttlMs !== null && command.issuedAtMs + command.ttlMs + 5000 < NOW) return 'refused';
  if (action === 'status') return 'accepted';
  const star = symbols.includes('*');
  const runs = model.all || model.named.size > 0;
  if (action === 'disconnect' || (action === 'unsubscribe' && star)) {
    if (!runs) return 'noop';
    if (model.fixedAll || model.fixed.size > 0) return 'refused';
    model.all = false;
    model.out.clear();
    model.named.clear();
    return 'accepted';
  }
  if (symbols.length === 0 && action !== 'pin') return 'refused';
  const meant = new Set<string>();
  for (const asked of star ? [] : symbols) {
    const base = asked.toUpperCase().replace(/^KRW-/, '');
    const symbol = `KRW-${base}`;
    if (!listed.has(symbol) && !(action === 'unsubscribe' && model.named.has(asked))) return 'refused';
    meant.add(symbol);
  }
  if (action === 'unsubscribe') {
    if ([...meant].some((symbol) => model.fixedAll || model.fixed.has(symbol))) return 'refused';
    let changed = false;
    for (const symbol of meant) {
      changed = model.named.delete(symbol) || changed;
      if (model.all && !model.out.has(symbol)) {
        model.out.add(symbol);
        changed = true;
      }
    }
    return changed ? 'accepted' : 'noop';
  }
  const next = new Set(
    star ? [...listed, ...(action === 'pin' ? [] : model.fixed)] : [...model.named, ...meant],
  );
  const nextOut = star ? new Set<string>() : new Set([...model.out].filter((symbol) => !meant.has(symbol)));
  const pins = action === 'pin' ? { fixed: star ? new Set<string>() : meant, fixedAll: star } : model;
  const same =
    next.size === model.named.size &&
    [...next].every((symbol) => model.named.has(symbol)) &&
    nextOut.size === model.out.size &&
    (star || model.all) === model.all &&
    pins.fixedAll === model.fixedAll &&
    pins.fixed.size === model.fixed.size &&
    [...pins.fixed].every((symbol) => model.fixed.has(symbol));
  if (same) return 'noop';
  if (next.size > PER_SOCKET * SOCKETS && next.size > model.named.size) return 'refused';
  model.named = next;
  model.out = nextOut;
  model.all ||= star;
  model.fixed = pins.fixed;
  model.fixedAll = pins.fixedAll;
  return 'accepted';
}

/** A fresh list: under the selector everything listed but the exceptions, as far as there is room. */
function refresh(model: Model, listed: ReadonlySet<string>): void {
  if (!model.all) return;
  const target = new Set([...listed].filter((symbol) => !model.out.has(symbol)));
  for (const symbol of model.fixed) target.add(symbol);
  const kept = [...model.named].filter((symbol) => target.has(symbol));
  const joining = [...target].filter((symbol) => !model.named.has(symbol));
  model.named = new Set([...kept, ...joining.slice(0, Math.max(0, PER_SOCKET * SOCKETS - kept.length))]);
}

function checkShards(before: DesiredStream, after: DesiredStream): void {
  expect(after.shards.flat().sort()).toEqual([...after.codes].sort());
  for (const shard of after.shards) expect(shard.length).toBeLessThanOrEqual(PER_SOCKET);
  expect(after.shards.at(-1)).not.toEqual([]);
  const place = new Map(before.shards.flatMap((shard, at) => shard.map((symbol) => [symbol, at] as const)));
  after.shards.forEach((shard, at) => {
    for (const symbol of shard) expect(place.get(symbol) ?? at).toBe(at);
  });
}

test(`${SEQUENCES} random command sequences mean what an independent fold says (seed ${SEED})`, () => {
  const random = randomOf(SEED);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const outcomes: Record<string, number> = {};

  for (let sequence = 0; sequence < SEQUENCES; sequence++) {
    const markets = new Markets(() => null);
    let listed = new Set<string>();
    const relist = () => {
      listed = new Set(BASES.filter(() => random() < 0.8).map((base) => `KRW-${base}`));
      if (listed.size === 0) listed.add('KRW-BTC');
      markets.replace([...listed].map((symbol) => ({ symbol, base: symbol.slice(4), quote: 'KRW' })));
    };
    relist();
    const model: Model = { all: false, out: new Set(), named: new Set(), fixed: new Set(), fixedAll: false };
    let desired = emptyStream({ exchange: 'upbit', request_type: 'ticker' });
    let last: Command | null = null;

    for (let step = 0; step < 25; step++) {
      if (random() < 0.08) {
        relist();
        const next = reselect(desired, markets, RULES).desired;
        checkShards(desired, next);
        desired = next;
        refresh(model, listed);
        expect(new Set(desired.codes)).toEqual(model.named);
        continue;
      }
      const spelled = (): string => {
        const base = pick(BASES);
        return pick([
          `KRW-${base}`,
          `KRW-${base}`,
          base,
          base.toLowerCase(),
          `krw-${base}`,
          random() < 0.15 ? 'NOPE' : `KRW-${base}`,
        ]);
      };
      const fresh: Command = {
        action: pick([
          'connect_and_subscribe',
          'connect_and_subscribe',
          'connect_and_subscribe',
          'unsubscribe',
          'unsubscribe',
          'disconnect',
          'status',
          'pin',
        ] as const),
        target: {
          exchange: 'upbit',
          region: random() < 0.03 ? 'asia' : 'korea',
          request_type: random() < 0.03 ? 'orderbook' : 'ticker',
        },
        symbols: random() < 0.12 ? ['*'] : Array.from({ length: Math.floor(random() * 6) }, spelled),
        correlationId: `c-${step}`,
        issuedAtMs: NOW - (random() < 0.05 ? 100_000 : 0),
        ttlMs: random() < 0.5 ? 60_000 : null,
        url: random() < 0.03 ? 'wss://evil.example/' : null,
        socketParams: false,
      };
      const command: Command =
        last && random() < 0.15 ? last : { ...fresh, symbols: [...new Set(fresh.symbols)] };
      last = command;
      const { desired: next, reply } = apply(desired, command, { rules: RULES, markets, nowMs: NOW });
      const expected = fold(model, command, listed);
      outcomes[expected] = (outcomes[expected] ?? 0) + 1;
      expect({ outcome: reply.outcome, command }).toEqual({
        outcome: expected as typeof reply.outcome,
        command,
      });
      expect(new Set(next.codes)).toEqual(model.named);
      expect(next.codes).toHaveLength(model.named.size);
      expect(next.selector).toBe(model.all ? '*' : null);
      expect(new Set(next.exceptions)).toEqual(model.out);
      expect(next.version).toBe(desired.version + (next === desired ? 0 : 1));
      expect(next === desired).toBe(expected !== 'accepted' || command.action === 'status');
      checkShards(desired, next);
      const again = apply(next, command, { rules: RULES, markets, nowMs: NOW });
      if (expected === 'accepted') expect(again.desired).toBe(next);
      desired = next;
    }
  }
  // All kinds of outcomes were met, so that the comparison says something.
  for (const outcome of ['accepted', 'noop', 'refused']) expect(outcomes[outcome]).toBeGreaterThan(1000);
});
