import { join } from 'node:path';
import type { Exchange } from '../src/core/exchange.ts';
import { parseFrame } from '../src/core/frame.ts';
import { keysOf } from '../src/core/live-check/frame-keys.ts';
import type { RequestType } from '../src/core/market/market.ts';
import { eventsOf, type Fixture, isRow, SUBJECTS, sessionFor, textOf } from './conformance/fixtures.ts';

/**
 * The keys of all recorded frames, as `exchanges/frame-keys.ts` holds them. A test compares them; `bun test/frame-keys.ts`
 * writes them there.
 */
const FILE = join(import.meta.dir, '..', 'exchanges', 'frame-keys.ts');

/** Keys that only traps have. */
const MADE_UP = /(^|\.)(toString|valueOf|newField)$/;

const HEAD = `/**
 * Keys of every exchange's frames, by type, as \`test/frames\` has recorded them: what \`check --live\` finds beyond them is
 * new. Made by \`bun test/frame-keys.ts\`.
 */
export const FRAME_KEYS: Readonly<Record<string, Readonly<Record<string, string>>>> = `;

/** The table, made anew. */
export function frameKeys(): Record<string, Record<string, string>> {
  return Object.fromEntries(
    SUBJECTS.map(({ exchange, fixtures }) => [
      exchange.id,
      Object.fromEntries(exchange.types.map((type) => [type, keysOfType(exchange, fixtures, type)])),
    ]),
  );
}

/** Frames that keep a connection going may come on every stream. */
function keysOfType(exchange: Exchange, fixtures: readonly Fixture[], type: RequestType): string {
  const texts = fixtures
    .filter((fixture) => !fixture.rejects && !isForeign(exchange, fixture))
    .flatMap((fixture) => [
      ...(fixture.type === type || fixture.expect.length === 0 ? [textOf(fixture, exchange)] : []),
      ...(fixture.type === type ? (fixture.before ?? []) : []),
    ]);
  const keys = new Set(texts.flatMap((text) => [...keysOf(parseFrame(text))]));
  return [...keys]
    .filter((key) => !MADE_UP.test(key))
    .sort()
    .join(' ');
}

/** A frame of another type's stream, which recordings have as well. */
function isForeign(exchange: Exchange, fixture: Fixture): boolean {
  if (fixture.expect.length > 0) return false;
  return exchange.types.some((type) => {
    const session = sessionFor(exchange, fixture, type);
    return (
      type !== fixture.type && eventsOf(session, textOf(fixture, exchange), fixture.received_at).some(isRow)
    );
  });
}

if (import.meta.main) {
  await Bun.write(FILE, `${HEAD}${JSON.stringify(frameKeys(), null, 2)};\n`);
  Bun.spawnSync(['npx', 'bunx', 'biome', 'check', '--write', FILE]);
}
