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
export function refresh(model: Model, listed: ReadonlySet<string>): void {
  if (!model.all) return;
  const target = new Set([...listed].filter((symbol) => !model.out.has(symbol)));
  for (const symbol of model.fixed) target.add(symbol);
  const kept = [...model.named].filter((symbol) => target.has(symbol));
  const joining = [...target].filter((symbol) => !model.named.has(symbol));
  model.named = new Set([...kept, ...joining.slice(0, Math.max(0, PER_SOCKET * SOCKETS - kept.length))]);
}

export function emptyModel(): Model {
  return { all: false, out: new Set(), named: new Set(), fixed: new Set(), fixedAll: false };
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
