import type { CodeBook } from '../books/code-book.ts';
import type { Publication } from '../books/publication.ts';
import type { Side } from '../books/side.ts';
import type { SimExchange } from '../sim-exchange.ts';
import type { SimSocket } from '../sim-socket.ts';

/** Levels that a frame of changes holds, about. */
const LEVELS = 20;
/** A whole book over REST is of so many lives of the block ahead: it has to arrive before they do. */
const AHEAD = 60;
/** Numbers of frames that go on with each life of a block. */
const NUMBERS = /"(?:U|u|seqId|prevSeqId|seqNum|prevSeqNum)":(\d+)/g;

/** Frames of one code's book, the last of which leads back to where the first began. */
export interface BookFrames {
  /** Texts of each round, and of the way back. */
  readonly rounds: readonly (readonly string[])[];
  /** How far its numbers go in one life of the block. */
  readonly shift: number;
}

/** Changes of one code as a socket gets them. The book is afterwards what and where it was before. */
export function bookFrames(
  exchange: SimExchange,
  socket: SimSocket,
  symbol: string,
  name: string,
  rounds: number,
  nowMs: number,
): BookFrames {
  const { books } = exchange;
  const code = books.get(symbol);
  const publication = code.publication(books.channel(name));
  const { channel } = publication;
  const version = code.engine.version;
  const { previous, frame } = publication;
  const numberOf = () => channel.sequence(publication.numbers(nowMs)) ?? 0;
  const first = numberOf();
  const { bids, asks } = code.engine;
  const before = [copy(bids), copy(asks)] as const;
  const told = (): string[] => {
    const texts = publication.publish(nowMs, () => false);
    const own = socket.conversation.book;
    return own ? texts.flatMap((text) => own(symbol, name, text, nowMs) ?? []) : texts;
  };
  const all = Array.from({ length: rounds }, () => {
    change(code, publication);
    return told();
  });
  restore(code, true, before[0]);
  restore(code, false, before[1]);
  all.push(told());
  const shift = numberOf() - first;
  code.engine.version = version;
  publication.previous = previous;
  publication.frame = frame;
  return { rounds: all, shift };
}

/** Numbers of the code's book go on behind a block that lived so often. */
export function advance(
  exchange: SimExchange,
  symbol: string,
  name: string,
  shift: number,
  lives: number,
): void {
  const code = exchange.books.get(symbol);
  const publication = code.publication(exchange.books.channel(name));
  code.engine.version += shift * lives;
  publication.previous += shift * lives;
  publication.frame += shift * lives;
}

/** Whole books over REST have the number that the block reaches in a while. @param lives how often it lived by now */
export function answerAhead(
  exchange: SimExchange,
  symbol: string,
  name: string,
  shift: number,
  lives: () => number,
): void {
  const { books } = exchange;
  const code = books.get(symbol);
  const publication = code.publication(books.channel(name));
  if (!publication.channel.changes) return;
  books.stale.set(symbol, {
    left: Number.POSITIVE_INFINITY,
    view(depth) {
      const view = publication.view(Date.now(), true, depth);
      return { ...view, version: view.version + shift * (lives() + AHEAD) };
    },
  });
}

/** Offsets and lengths of the numbers in a frame of a book. */
export function numbersIn(text: string): { at: number; length: number }[] {
  return Array.from(text.matchAll(NUMBERS), (found) => {
    const length = found[1]?.length ?? 0;
    return { at: found.index + found[0].length - length, length };
  });
}

function change({ flow, engine }: CodeBook, { channel }: Publication): void {
  const from = engine.version;
  const wanted = channel.changes ? LEVELS : 1;
  for (let tries = 0; engine.version - from < wanted && tries < 1000; tries++) flow.step();
}

function copy({ keys, sizes }: Side): ReadonlyMap<number, number> {
  return new Map(keys.map((key, at) => [key, sizes[at] ?? 0]));
}

function restore({ engine }: CodeBook, buys: boolean, before: ReadonlyMap<number, number>): void {
  const side = engine.side(buys);
  for (const key of [...side.keys]) if (!before.has(key)) engine.force(buys, Math.abs(key), 0);
  for (const [key, size] of before) {
    if (side.size(key) !== size) engine.force(buys, Math.abs(key), size);
  }
}
