import { openSession } from '../../src/core/books/open-session.ts';
import type { Event, Exchange, Session } from '../../src/core/exchange.ts';
import type { Market, RequestType } from '../../src/core/market/market.ts';
import { Markets } from '../../src/core/market/markets.ts';
import type { Conversation, Reply, Tick } from '../simulator/protocol.ts';
import { eventsOf } from './fixtures.ts';
import type { Simulation } from './simulated.ts';

export const RECEIVED_AT = 1_790_134_800_123_456;

/** A plug-in's session and the simulated exchange it talks to, without a socket between them. */
export interface Talk {
  readonly markets: readonly Market[];
  /** What the exchange serves now, as it understood the frames. */
  readonly served: ReadonlySet<string>;
  /** Frames the session sent, breaches of limits and refusals the exchange recorded, and what the session read. */
  readonly sent: readonly string[];
  readonly complaints: readonly string[];
  readonly events: readonly Event[];
  /** Brings the subscription to `want` as shared code does: frames of at most `codesPerFrame` codes. */
  change(want: readonly Market[]): void;
  /** What the session reads out of one event of a code. */
  tick(tick: Tick): Event[];
}

export function talk(
  exchange: Exchange,
  type: RequestType,
  { protocol, listings, venue, book }: Simulation,
): Talk {
  const markets = new Markets((symbol) => exchange.markets.split(symbol), listings);
  const session: Session = openSession(exchange, type, markets, { book: book ?? null });
  const { pathname, searchParams } = new URL(exchange.endpoint(type));
  const conversation: Conversation = protocol.connect(venue, pathname, searchParams);
  const served = new Set<string>();
  const sent: string[] = [];
  const complaints: string[] = [];
  const events: Event[] = [];
  let have: readonly Market[] = [];

  /** Frames on their way: the exchange reads the next one only after its answers to the last one are all out. */
  const way: string[] = [];
  let busy = false;

  function send(text: string): void {
    sent.push(text);
    way.push(text);
    deliver();
  }

  function deliver(): void {
    if (busy) return;
    busy = true;
    for (let text = way.shift(); text !== undefined; text = way.shift()) obey(conversation.receive(text));
    busy = false;
  }

  function obey(replies: readonly Reply[]): void {
    for (const reply of replies) {
      if (reply.do === 'send') hear(reply.text);
      else if (reply.do === 'subscribe') served.add(`${reply.type} ${reply.symbol}`);
      else if (reply.do === 'unsubscribe') served.delete(`${reply.type} ${reply.symbol}`);
      else if (reply.do === 'unsubscribe-all') served.clear();
      else complaints.push(JSON.stringify(reply));
    }
  }

  function hear(text: string): void {
    for (const event of eventsOf(session, text, RECEIVED_AT)) {
      events.push(event);
      if (event.kind === 'send') send(event.text);
      if (event.kind === 'resync') again(event.symbol);
    }
  }

  function again(symbol: string): void {
    const market = have.filter((one) => one.symbol === symbol);
    for (const frame of session.change(have, [], market)) send(frame);
    for (const frame of session.change(have, market, [])) send(frame);
  }

  obey(conversation.open());
  for (const frame of session.open()) send(frame);

  return {
    markets: markets.all(),
    served,
    sent,
    complaints,
    events,
    change(want) {
      const drop = have.filter((market) => !want.includes(market));
      const add = want.filter((market) => !have.includes(market));
      const { codesPerFrame } = exchange.limits;
      while (drop.length + add.length > 0) {
        const dropped = drop.splice(0, codesPerFrame);
        const added = add.splice(0, codesPerFrame - dropped.length);
        have = [...have.filter((market) => !dropped.includes(market)), ...added];
        for (const frame of session.change(have, added, dropped)) send(frame);
      }
    },
    tick: (tick) =>
      conversation.data(type, tick).flatMap((text) => {
        const read = eventsOf(session, text, RECEIVED_AT);
        events.push(...read);
        return read;
      }),
  };
}
