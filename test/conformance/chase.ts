import { openSession } from '../../src/core/books/open-session.ts';
import { Subscriptions } from '../../src/core/connection/subscriptions.ts';
import type { Exchange } from '../../src/core/exchange.ts';
import type { Market, RequestType } from '../../src/core/market/market.ts';
import { Markets } from '../../src/core/market/markets.ts';
import type { Reply } from '../simulator/protocol.ts';
import { RECEIVED_AT } from './conversation.ts';
import { eventsOf } from './fixtures.ts';
import type { Simulation } from './simulated.ts';

/** A plug-in's session asked by shared code, over time, and the simulated exchange it talks to. */
export interface Chase {
  readonly markets: readonly Market[];
  /** What the exchange serves now, and what shared code takes as confirmed. */
  readonly served: ReadonlySet<string>;
  confirmed(symbol: string): boolean;
  readonly sent: readonly string[];
  /** Breaches of the exchange's limits. */
  readonly violations: readonly string[];
  want(markets: readonly Market[]): void;
  wait(ms: number): void;
}

const CONFIRM_MS = 10_000;
const STEP_MS = 1000;

export function chase(
  exchange: Exchange,
  type: RequestType,
  { protocol, listings, venue, book }: Simulation,
): Chase {
  const markets = new Markets((symbol) => exchange.markets.split(symbol), listings);
  const session = openSession(exchange, type, markets, { book: book ?? null });
  const { pathname, searchParams } = new URL(exchange.endpoint(type));
  const conversation = protocol.connect(venue, pathname, searchParams);
  const subscriptions = new Subscriptions(exchange, [], new Set());
  const served = new Set<string>();
  const sent: string[] = [];
  const violations: string[] = [];
  let nowMs = 0;

  /** Frames on their way: the exchange reads the next one only after its answers to the last one are all out. */
  const way: string[] = [];
  let busy = false;

  function send(text: string): void {
    sent.push(text);
    way.push(text);
    if (busy) return;
    busy = true;
    for (let next = way.shift(); next !== undefined; next = way.shift()) obey(conversation.receive(next));
    busy = false;
  }

  function obey(replies: readonly Reply[]): void {
    for (const reply of replies) {
      if (reply.do === 'send') hear(reply.text);
      else if (reply.do === 'unsubscribe') served.delete(`${reply.type} ${reply.symbol}`);
      else if (reply.do === 'unsubscribe-all') served.clear();
      else if (reply.do === 'violation') violations.push(reply.detail);
      else if (reply.do === 'subscribe') {
        served.add(`${reply.type} ${reply.symbol}`);
        if (exchange.confirms === 'data') subscriptions.data(reply.symbol, nowMs);
      }
    }
  }

  function hear(text: string): void {
    for (const event of eventsOf(session, text, RECEIVED_AT + nowMs * 1000)) {
      if (event.kind === 'send') send(event.text);
      else if (event.kind === 'ack') subscriptions.ack(event.symbols, nowMs);
      else if (event.kind === 'refused') subscriptions.refused(event.symbols, nowMs, event.full);
      else if (event.kind === 'resync') subscriptions.resync(event.symbol);
      else if (event.kind === 'reopened') subscriptions.reopened();
    }
  }

  function drain(): void {
    while (subscriptions.pending) for (const frame of subscriptions.next(session, nowMs)) send(frame);
  }

  obey(conversation.open());
  for (const frame of session.open()) send(frame);

  return {
    markets: markets.all(),
    served,
    confirmed: (symbol) => subscriptions.confirmed(symbol),
    sent,
    violations,
    want(wanted) {
      subscriptions.want(wanted);
      drain();
    },
    wait(ms) {
      for (const end = nowMs + ms; nowMs < end; nowMs += STEP_MS) {
        subscriptions.overdue(nowMs, CONFIRM_MS);
        subscriptions.retry(nowMs);
        drain();
      }
    },
  };
}
