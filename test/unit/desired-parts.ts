import { expect } from 'bun:test';
import type { Command } from '../../src/core/commands/command.ts';
import { type ApplyContext, apply } from '../../src/core/desired/apply.ts';
import type { StreamRules } from '../../src/core/desired/rules.ts';
import { type DesiredStream, emptyStream } from '../../src/core/desired/stream.ts';
import { cut, Markets } from '../../src/core/market/markets.ts';

export const NOW = 1_790_000_000_000;
export const BASES = ['BTC', 'ETH', 'XRP', 'SOL', 'ADA', 'DOT', 'TRX', 'XLM', 'ETC', 'NEO'];

export function korean(symbols: readonly string[]): Markets {
  const split = (symbol: string) => {
    const parts = cut(symbol, '-');
    return parts && { quote: parts[0], base: parts[1] };
  };
  return new Markets(
    split,
    symbols.map((symbol) => ({ symbol, base: symbol.slice(4), quote: symbol.slice(0, 3) })),
  );
}

export function rules(more: Partial<StreamRules> = {}): StreamRules {
  return {
    exchange: 'upbit',
    enabled: true,
    region: 'korea',
    types: ['ticker', 'trade'],
    codesPerSocket: 3,
    sockets: null,
    addresses: {
      endpoint: 'wss://api.upbit.com/websocket/v1',
      hosts: ['api.upbit.com', 'alt.upbit.com'],
      allowed: [],
      replaced: null,
    },
    ...more,
  };
}

export function command(
  action: Command['action'],
  symbols: readonly string[] = [],
  more: Partial<Command> = {},
): Command {
  return {
    action,
    target: { exchange: 'upbit', region: 'korea', request_type: 'ticker' },
    symbols,
    correlationId: 'c-1',
    issuedAtMs: NOW,
    ttlMs: null,
    url: null,
    socketParams: false,
    ...more,
  };
}

export const LISTED = BASES.map((base) => `KRW-${base}`);
export const context: ApplyContext = { rules: rules(), markets: korean(LISTED), nowMs: NOW };
export const nothing = emptyStream({ exchange: 'upbit', request_type: 'ticker' });

/** Carries out commands one after another, each of which must be accepted. */
export function after(...commands: Command[]): DesiredStream {
  return commands.reduce((desired, next) => {
    const applied = apply(desired, next, context);
    expect(applied.reply.outcome).toBe('accepted');
    return applied.desired;
  }, nothing);
}
