import { existsSync, readFileSync } from 'node:fs';
import { EXCHANGES } from '../../exchanges/index.ts';
import { openSession } from '../../src/core/books/open-session.ts';
import type { Event, Exchange, Session } from '../../src/core/exchange.ts';
import type { RequestType } from '../../src/core/market/market.ts';
import { Markets } from '../../src/core/market/markets.ts';
import type { Row } from '../../src/core/market/rows.ts';
import { flaw } from '../../src/core/market/validate.ts';
import { type FlatRow, flatten } from '../../src/core/pipeline/flatten.ts';
import { inflate } from '../../src/core/pipeline/inflate.ts';
import type { Answered } from './answers.ts';

/** One line of test/frames/<exchange>.ndjson: a frame and everything that a session reads out of it. */
export interface Fixture {
  readonly type: RequestType;
  /** The frame as text, or as base64 of a binary frame. */
  readonly frame?: string;
  readonly base64?: string;
  /** Epoch microseconds. */
  readonly received_at: number;
  /** What the session was asked to subscribe before. */
  readonly symbols?: readonly string[];
  /** Frames that the session read before. */
  readonly before?: readonly string[];
  readonly expect: readonly FlatRow[];
  /** How many consecutive ids each row stands for; left out: one. */
  readonly fills?: readonly number[];
  readonly rejects?: number;
  /** Events that are neither rows nor rejects: the kind, or the whole event. */
  readonly events?: readonly (Event['kind'] | Event)[];
  /** The mistake that this line would show. */
  readonly trap?: string;
}

/** A plug-in with what the suite needs to know of it. */
export interface Subject {
  readonly exchange: Exchange;
  readonly fixtures: readonly Fixture[];
  /** Answers of its REST interface. */
  readonly answers: readonly Answered[];
  /** Text of the plug-in's file. */
  readonly source: string;
}

export const SUBJECTS: readonly Subject[] = EXCHANGES.map((exchange) => ({
  exchange,
  fixtures: parseLines<Fixture>(textAt(`../frames/${exchange.id}.ndjson`)),
  answers: parseLines<Answered>(textAt(`../frames/rest/${exchange.id}.ndjson`)),
  source: textAt(`../../exchanges/${exchange.id}.ts`),
}));

/** What the suite knows of an exchange. @throws Error where this build has no such exchange */
export function subjectOf(id: string): Subject {
  const found = SUBJECTS.find(({ exchange }) => exchange.id === id);
  if (!found) throw new Error(`there is no exchange ${id}`);
  return found;
}

/** '' where there is no such file: then the rules of this exchange fail, not those of all. */
function textAt(path: string): string {
  const file = `${import.meta.dir}/${path}`;
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

export function parseLines<Line>(ndjson: string): Line[] {
  return ndjson
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as Line);
}

/** What the session gave for a frame, in order. */
export interface Reading {
  readonly rows: readonly FlatRow[];
  /** Of each row; no reader of the rows sees them, the watch over ids does. */
  readonly fills: readonly number[];
  readonly rejects: readonly string[];
  readonly events: readonly Event[];
}

/** The text of a fixture's frame, inflated where the exchange sends gzip. */
export function textOf({ frame, base64 }: Fixture, { encoding }: Exchange): string {
  if (base64 === undefined) return frame ?? '';
  const bytes = Buffer.from(base64, 'base64');
  return new TextDecoder().decode(encoding === 'gzip' ? inflate(bytes) : bytes);
}

/** A session that was asked for the fixture's symbols and read the frames before it, as `replay` makes it. */
export function sessionFor(
  exchange: Exchange,
  fixture: Fixture,
  type = fixture.type,
  recorded = true,
): Session {
  const markets = new Markets((symbol) => exchange.markets.split(symbol));
  const session = openSession(exchange, type, markets, { recorded });
  session.open();
  const wanted = (fixture.symbols ?? []).flatMap((symbol) => markets.get(symbol) ?? []);
  if (wanted.length > 0) session.change(wanted, wanted, []);
  for (const frame of fixture.before ?? []) session.read(frame, fixture.received_at, () => {});
  return session;
}

/** Every event of a frame. */
export function eventsOf(session: Session, text: string, receivedAt: number): Event[] {
  const events: Event[] = [];
  session.read(text, receivedAt, (event) => events.push(event));
  return events;
}

/** Sound rows in their NDJSON form, what was rejected by plug-in or validation, and the rest. */
export function reading(exchange: Exchange, events: readonly Event[]): Reading {
  const rows: FlatRow[] = [];
  const fills: number[] = [];
  const rejects: string[] = [];
  const others: Event[] = [];
  for (const event of events) {
    if (isRow(event)) {
      const wrong = flaw(event);
      if (wrong !== null) rejects.push(wrong);
      else {
        rows.push(flatten(event, exchange.id, exchange.region));
        fills.push(event.kind === 'trade' ? event.fills : 1);
      }
    } else if (event.kind === 'reject') rejects.push(event.reason);
    else others.push(event);
  }
  return { rows, fills, rejects, events: others };
}

export function isRow(event: Event): event is Row {
  return event.kind === 'ticker' || event.kind === 'trade' || event.kind === 'orderbook';
}
