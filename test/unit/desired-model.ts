import type { Command } from '../../src/core/commands/command.ts';
import type { StreamRules } from '../../src/core/desired/rules.ts';
import type { Markets } from '../../src/core/market/markets.ts';

/** The meaning of commands told a second time, as sets and without shards or versions; and commands by chance. */

export const NOW = 1_790_000_000_000;
export const PER_SOCKET = 3;
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

export const RULES: StreamRules = {
  exchange: 'upbit',
  enabled: true,
  region: 'korea',
  types: ['ticker'],
  codesPerSocket: PER_SOCKET,
  sockets: SOCKETS,
  addresses: { endpoint: 'wss://a.example/', hosts: ['a.example'], allowed: [], replaced: null },
};

export interface Model {
  all: boolean;
  out: Set<string>;
  named: Set<string>;
  fixed: Set<string>;
  fixedAll: boolean;
  /** What runs for the configuration alone. */
  own: Set<string>;
  ownAll: boolean;
}

/** What a command does to the model. @returns the outcome */
export function fold(model: Model, command: Command, listed: ReadonlySet<string>): string {
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
    model.own.clear();
    model.ownAll = false;
    return 'accepted';
  }
  if (symbols.length === 0 && action !== 'pin') return 'refused';
  const meant = new Set<string>();
  for (const asked of star ? [] : symbols) {
    const base = asked.toUpperCase().replace(/^KRW-/, '');
    const symbol = `KRW-${base}`;
    const known = listed.has(symbol) || (action !== 'connect_and_subscribe' && model.named.has(asked));
    if (known) meant.add(symbol);
    // A pin runs as far as it can.
    else if (action !== 'pin') return 'refused';
  }
  if (action === 'unsubscribe') {
    if ([...meant].some((symbol) => model.fixedAll || model.fixed.has(symbol))) return 'refused';
    let changed = false;
    for (const symbol of meant) {
      model.own.delete(symbol);
      changed = model.named.delete(symbol) || changed;
      if (model.all && !model.out.has(symbol)) {
        model.out.add(symbol);
        changed = true;
      }
    }
    return changed ? 'accepted' : 'noop';
  }
  if (action === 'pin') return foldPin(model, meant, star, listed);
  const next = new Set(star ? [...listed, ...model.fixed] : [...model.named, ...meant]);
  const nextOut = star ? new Set<string>() : new Set([...model.out].filter((symbol) => !meant.has(symbol)));
  if (equal(next, model.named) && equal(nextOut, model.out) && (star || model.all) === model.all)
    return 'noop';
  if (next.size > PER_SOCKET * SOCKETS && next.size > model.named.size) return 'refused';
  model.named = next;
  model.out = nextOut;
  model.all ||= star;
  if (star) {
    model.own.clear();
    model.ownAll = false;
  } else for (const symbol of meant) model.own.delete(symbol);
  return 'accepted';
}

/** The configuration's word: what it alone kept running and names no more ends, what it names begins as far as there is room. */
function foldPin(model: Model, meant: Set<string>, star: boolean, listed: ReadonlySet<string>): string {
  const all = model.all && (star || !model.ownAll);
  const ends = [...model.own].filter((symbol) => !meant.has(symbol) && !all);
  const left = new Set([...model.named].filter((symbol) => !ends.includes(symbol)));
  const begin = [...(star ? (all ? [] : listed) : meant)].filter((symbol) => !left.has(symbol));
  const room = Math.max(0, PER_SOCKET * SOCKETS - left.size);
  const begun = begin.slice(0, room);
  const named = new Set([...left, ...begun]);
  const keepsAll = model.ownAll && all;
  const after: Model = {
    all: all || star,
    out: star || !all ? new Set() : new Set([...model.out].filter((symbol) => !meant.has(symbol))),
    named,
    fixed: star ? new Set() : new Set([...meant].filter((symbol) => named.has(symbol))),
    fixedAll: star,
    own: new Set(
      [...model.own].filter((symbol) => left.has(symbol) && (keepsAll || meant.has(symbol))).concat(begun),
    ),
    ownAll: (model.ownAll && star) || (star && !all),
  };
  const same =
    equal(after.named, model.named) &&
    equal(after.out, model.out) &&
    equal(after.fixed, model.fixed) &&
    equal(after.own, model.own) &&
    after.all === model.all &&
    after.fixedAll === model.fixedAll &&
    after.ownAll === model.ownAll;
  Object.assign(model, after);
  return same ? 'noop' : 'accepted';
}

function equal(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((symbol) => b.has(symbol));
}

/** A fresh list: under the selector everything listed but the exceptions, as far as there is room. */
export function refresh(model: Model, listed: ReadonlySet<string>): void {
  if (!model.all) return;
  const target = new Set([...listed].filter((symbol) => !model.out.has(symbol)));
  for (const symbol of model.fixed) target.add(symbol);
  const kept = [...model.named].filter((symbol) => target.has(symbol));
  const joining = [...target].filter((symbol) => !model.named.has(symbol));
  const joined = joining.slice(0, Math.max(0, PER_SOCKET * SOCKETS - kept.length));
  model.named = new Set([...kept, ...joined]);
  model.own = new Set(
    [...model.own].filter((symbol) => model.named.has(symbol)).concat(model.ownAll ? joined : []),
  );
}

export function emptyModel(): Model {
  return {
    all: false,
    out: new Set(),
    named: new Set(),
    fixed: new Set(),
    fixedAll: false,
    own: new Set(),
    ownAll: false,
  };
}

/** Commands, now and then the last one again, and lists of markets. */
export class Chance {
  readonly #random: () => number;
  #last: Command | null = null;
  #made = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** True in that share of the cases. */
  happens(share: number): boolean {
    return this.#random() < share;
  }

  /** A fresh market list. @returns the symbols that it has */
  relist(markets: Markets): Set<string> {
    const listed = new Set(BASES.filter(() => this.happens(0.8)).map((base) => `KRW-${base}`));
    if (listed.size === 0) listed.add('KRW-BTC');
    markets.replace([...listed].map((symbol) => ({ symbol, base: symbol.slice(4), quote: 'KRW' })));
    return listed;
  }

  /** The first command of a sequence repeats none. */
  begin(): void {
    this.#last = null;
    this.#made = 0;
  }

  command(): Command {
    const fresh: Command = {
      action: this.#pick([
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
        region: this.happens(0.03) ? 'asia' : 'korea',
        request_type: this.happens(0.03) ? 'orderbook' : 'ticker',
      },
      symbols: this.happens(0.12)
        ? ['*']
        : [...new Set(Array.from({ length: Math.floor(this.#random() * 6) }, () => this.#spelled()))],
      correlationId: `c-${this.#made++}`,
      issuedAtMs: NOW - (this.happens(0.05) ? 100_000 : 0),
      ttlMs: this.happens(0.5) ? 60_000 : null,
      url: this.happens(0.03) ? 'wss://evil.example/' : null,
      socketParams: false,
    };
    this.#last = this.#last && this.happens(0.15) ? this.#last : fresh;
    return this.#last;
  }

  #spelled(): string {
    const base = this.#pick(BASES);
    const unknown = this.happens(0.15) ? 'NOPE' : `KRW-${base}`;
    return this.#pick([`KRW-${base}`, `KRW-${base}`, base, base.toLowerCase(), `krw-${base}`, unknown]);
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)] as T;
  }
}
