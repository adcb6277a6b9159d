import type { Exchange, Session } from '../../src/core/exchange.ts';
import type { RequestType } from '../../src/core/market/market.ts';
import { type Fixture, SUBJECTS, sessionFor, textOf } from '../conformance/fixtures.ts';

/** What a plug-in costs per frame, beside JSON.parse of the very same frames. */
export interface ReadCost {
  readonly exchange: string;
  readonly type: RequestType;
  /** Mean characters of a frame. */
  readonly chars: number;
  /** CPU microseconds a frame, JSON.parse alone. */
  readonly parseUs: number;
  /** CPU microseconds a frame, `read` with its JSON.parse. */
  readonly readUs: number;
  /** What `read` adds, in units of JSON.parse. */
  readonly onTop: number;
}

const ROUNDS = 15;
const FRAMES_PER_ROUND = 20_000;
/** Ids and times of a live feed change with every frame; so many variants of each recording stand for that. */
const VARIANTS = 64;

/**
 * Recorded frames with rows, parsed and read over and over in turn: the best of several rounds each, which other
 * processes, the compiler and the collector of garbage disturb least.
 */
export async function readCost(): Promise<ReadCost[]> {
  const costs: ReadCost[] = [];
  for (const { exchange, fixtures } of SUBJECTS) {
    for (const type of exchange.types) {
      costs.push(costOf(exchange, type, fixtures));
      await Bun.sleep(0);
    }
  }
  return costs;
}

function costOf(exchange: Exchange, type: RequestType, fixtures: readonly Fixture[]): ReadCost {
  const sound = fixtures.filter(
    (fixture) => fixture.type === type && fixture.expect.length > 0 && fixture.rejects === undefined,
  );
  // The first recording is the plain case of the exchange's documents; later ones show odd spellings.
  const [plain] = sound;
  if (!plain) throw new Error(`no recorded ${type} of ${exchange.id}`);
  const texts = variants(textOf(plain, exchange));
  const session = sessionFor(exchange, plain);
  let parseUs = Number.POSITIVE_INFINITY;
  let readUs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < ROUNDS; i++) {
    parseUs = Math.min(
      parseUs,
      cpuUs(() => parseAll(texts)),
    );
    readUs = Math.min(
      readUs,
      cpuUs(() => readAll(session, texts, plain.received_at)),
    );
  }
  const chars = Math.round(texts.reduce((sum, text) => sum + text.length, 0) / texts.length);
  return { exchange: exchange.id, type, chars, parseUs, readUs, onTop: (readUs - parseUs) / parseUs };
}

/** The frame with the last digits of its long numbers changed; each is a string of its own, as from a socket. */
function variants(text: string): string[] {
  return Array.from({ length: VARIANTS }, (_, nth) =>
    Buffer.from(
      text.replace(/(\d{11,})(\d{2})(?!\d)/g, (_all, head: string) => head + String(10 + (nth % 90))),
    ).toString(),
  );
}

let sink = 0;

function parseAll(texts: readonly string[]): void {
  for (let i = 0; i < FRAMES_PER_ROUND; i++) {
    const parsed = JSON.parse(texts[i % VARIANTS] ?? '');
    if (parsed !== null) sink++;
  }
}

function readAll(session: Session, texts: readonly string[], receivedAt: number): void {
  const emit = () => {
    sink++;
  };
  const { scanned } = session;
  for (let i = 0; i < FRAMES_PER_ROUND; i++) {
    const text = texts[i % VARIANTS] ?? '';
    const frame = scanned?.scan(text);
    if (scanned && frame) scanned.read(frame, receivedAt, emit);
    else session.read(text, receivedAt, emit);
  }
}

/** CPU microseconds of this process per frame. */
function cpuUs(round: () => void): number {
  const before = process.cpuUsage();
  round();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / FRAMES_PER_ROUND;
}

if (import.meta.main) {
  for (const { exchange, type, chars, parseUs, readUs, onTop } of await readCost()) {
    const figures = `${parseUs.toFixed(2)} µs parse, ${readUs.toFixed(2)} µs read, ${onTop.toFixed(2)} × parse on top`;
    console.log(
      `${exchange.padEnd(9)} ${type.padEnd(7)} ${String(chars).padStart(5)} characters: ${figures}`,
    );
  }
  if (sink === 0) throw new Error('nothing was read');
}
