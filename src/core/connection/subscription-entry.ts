import type { Market } from '../market/market.ts';

/**
 * `wanted` is to be sent, `again` too though an answer to the first request still counts; `asked` is sent. Two are given
 * up for now: `silent` was asked for in vain and stays subscribed, `refused` is not part of the subscription.
 */
type Phase = 'wanted' | 'asked' | 'again' | 'silent' | 'confirmed' | 'refused';

/** One code of a subscription. */
export interface Entry {
  readonly market: Market;
  phase: Phase;
  /** Whether the exchange may be serving it. */
  held: boolean;
  askedMs: number;
  tries: number;
  /** How many codes the next frame naming this one may name. */
  slice: number;
  /** Given up before: it shares no request with codes in good standing. */
  suspect: boolean;
  /** How often in a row it was given up. */
  given: number;
  /** When it was given up last. */
  givenMs: number;
  /** When it is asked for again, once it is given up. */
  dueMs: number;
  confirmedMs: number;
}

/** To be asked for, or without an answer yet. */
export function isOpen({ phase }: Entry): boolean {
  return phase === 'wanted' || phase === 'asked' || phase === 'again';
}

export function isGivenUp({ phase }: Entry): boolean {
  return phase === 'silent' || phase === 'refused';
}

export function marketOf({ market }: Entry): Market {
  return market;
}
