import { describe, expect, test } from 'bun:test';
import type { Event } from '../../../src/core/exchange.ts';
import { eventsOf, type Fixture, reading, type Subject, sessionFor, textOf } from '../fixtures.ts';

/** Each recorded frame gives its rows, rejects and events, exactly; and the recordings cover what the plug-in claims. */
export function fixtureRules({ exchange, fixtures }: Subject): void {
  const read = (fixture: Fixture, type = fixture.type) =>
    reading(
      exchange,
      eventsOf(sessionFor(exchange, fixture, type), textOf(fixture, exchange), fixture.received_at),
    );
  const expected = (kind: string) =>
    fixtures.filter(({ events = [] }) => events.some((event) => kindOf(event) === kind));

  describe(`${exchange.id}: recorded frames`, () => {
    test.each(fixtures.map((fixture, at) => [at + 1, titleOf(fixture), fixture] as const))(
      'line %i: %s',
      (_line, _title, fixture) => {
        const { rows, fills, rejects, events } = read(fixture);
        expect(rows).toEqual([...fixture.expect]);
        expect(fills).toEqual([...(fixture.fills ?? rows.map(() => 1))]);
        expect(rows.map((row) => Object.keys(row))).toEqual(fixture.expect.map((row) => Object.keys(row)));
        expect({ rejects: rejects.length, why: rejects }).toEqual({
          rejects: fixture.rejects ?? 0,
          why: rejects,
        });
        const wanted = (fixture.events ?? []).filter((event) => kindOf(event) !== 'reject');
        expect(events.map((event, at) => told(event, wanted[at]))).toEqual(wanted);
      },
    );

    test.each([...exchange.types])('a recorded %s gives rows', (type) => {
      expect(fixtures.some((fixture) => fixture.type === type && fixture.expect.length > 0)).toBe(true);
    });

    test.each([...exchange.types])('a recorded %s without anything to reject', (type) => {
      const clean = fixtures.some((one) => one.type === type && one.expect.length > 0 && !one.rejects);
      expect(clean).toBe(true);
    });

    test('a recorded confirmation, where the exchange confirms', () => {
      const confirmed = new Set(expected('ack').map(({ type }) => type));
      if (exchange.confirms === 'ack') expect(confirmed.size).toBeGreaterThan(0);
      else expect(confirmed.size).toBe(0);
    });

    test('a recorded heartbeat, where heartbeats are text', () => {
      const answers = [...expected('alive'), ...expected('send')];
      if (typeof exchange.heartbeat.send === 'object') expect(answers).not.toBeEmpty();
    });

    test('a recorded refusal', () => {
      expect(expected('refused')).not.toBeEmpty();
    });

    test('traps of the exchange have a line each', () => {
      expect(fixtures.filter(({ trap }) => trap !== undefined).length).toBeGreaterThanOrEqual(3);
    });

    test('a frame of one type is neither row nor reject for a session of another', () => {
      // Where a session was told its symbols, they may stand for the channel that its frames do not name.
      for (const fixture of fixtures.filter((one) => one.expect.length > 0 && !one.symbols)) {
        for (const type of exchange.types.filter((one) => one !== fixture.type)) {
          const { rows, rejects } = read(fixture, type);
          expect({ frame: titleOf(fixture), rows, rejects }).toEqual({
            frame: titleOf(fixture),
            rows: [],
            rejects: [],
          });
        }
      }
    });
  });
}

/** As much of an event as the line tells: its kind alone, or all but how long a book was right, unless it says so. */
function told(event: Event, wanted: string | Event | undefined): string | object {
  if (typeof wanted === 'string') return event.kind;
  if (!('since' in event) || (wanted && 'since' in wanted)) return event;
  const { since: _, ...rest } = event;
  return rest;
}

function kindOf(event: string | { kind: string }): string {
  return typeof event === 'string' ? event : event.kind;
}

function titleOf({ type, trap, frame, base64 }: Fixture): string {
  return `${type}, ${trap ?? (frame ?? base64 ?? '').slice(0, 80)}`;
}
