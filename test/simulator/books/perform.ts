import type { CodeBook } from './code-book.ts';
import type { ExchangeBooks } from './exchange-books.ts';
import type { BookFault } from './faults.ts';

/** A fault of books that is asked for now. Times are milliseconds. */
export interface BookFaultCommand {
  readonly do: 'book-fault';
  readonly fault: BookFault;
  readonly exchange: string;
  /** `restart` and `rest-429` are those of the whole exchange. */
  readonly symbol?: string;
  readonly forMs?: number;
  readonly count?: number;
}

const SHRUNK = 5;
const CROSSED_MS = 300;
const THIN_MS = 1000;

/** Lets a fault happen, or arms it for the next frame; throws where the exchange cannot have it. */
export function performBookFault(command: BookFaultCommand, books: ExchangeBooks): void {
  const { fault, symbol, forMs, count = 1 } = command;
  if (fault === 'restart') return restart(books);
  if (fault === 'rest-429') {
    books.refusals += count;
    return;
  }
  if (symbol === undefined) throw new Error(`${fault} needs a symbol`);
  const code = books.codes.get(symbol);
  if (!code) throw new Error(`nobody ever subscribed the book of ${symbol}`);
  switch (fault) {
    case 'rest-older':
      return freeze(code, books, count);
    case 'snapshot':
      books.snapshotAgain(code);
      return books.note(
        code,
        fault,
        channelOf(code, ({ snapshotsAgain }) => snapshotsAgain === true),
      );
    case 'crossed':
      return cross(code, books, forMs ?? CROSSED_MS);
    case 'shrink':
      return shrink(code, books, forMs ?? THIN_MS);
    case 'empty':
      return empty(code, books, forMs ?? THIN_MS);
    case 'checksum':
      channelOf(code, ({ checksum, checksummed }) => checksum !== undefined || checksummed === true);
  }
  code.armed.push({ fault, held: null });
}

type Publication = CodeBook['publications'] extends Map<string, infer P> ? P : never;

function channelOf(code: CodeBook, can: (channel: Publication['channel']) => boolean): Publication {
  const found = [...code.publications.values()].find(({ channel }) => can(channel));
  if (!found) throw new Error(`no channel of ${code.listing.symbol} can do that`);
  return found;
}

function freeze(code: CodeBook, books: ExchangeBooks, count: number): void {
  const { channel } = channelOf(code, () => true);
  books.freeze(code.listing.symbol, channel.name, count);
  books.note(code, 'rest-older');
}

/** A bid at the best ask's price, told at once, and gone again later. */
function cross(code: CodeBook, books: ExchangeBooks, forMs: number): void {
  const { engine } = code;
  const price = engine.best(false);
  if (price === undefined) throw new Error('there is no ask to cross');
  const told = () => {
    books.touched(code);
    books.flush(code);
  };
  code.frozenUntil = performance.now() + forMs + 50;
  engine.force(true, price, 10 ** code.listing.sizeDigits);
  told();
  books.note(code, 'crossed');
  setTimeout(() => {
    engine.force(true, price, 0);
    told();
    code.frozenUntil = 0;
  }, forMs).unref();
}

function shrink(code: CodeBook, books: ExchangeBooks, forMs: number): void {
  code.flow.shrunkTo = SHRUNK;
  for (const buys of [true, false]) cut(code, buys, SHRUNK);
  books.touched(code);
  books.note(code, 'shrink');
  setTimeout(() => {
    code.flow.shrunkTo = Number.POSITIVE_INFINITY;
  }, forMs).unref();
}

function empty(code: CodeBook, books: ExchangeBooks, forMs: number): void {
  code.flow.starved = true;
  cut(code, true, 0);
  books.touched(code);
  books.note(code, 'empty');
  setTimeout(() => {
    code.flow.starved = null;
  }, forMs).unref();
}

function cut({ engine }: CodeBook, buys: boolean, levels: number): void {
  const side = engine.side(buys);
  while (side.length > levels) engine.cancel(buys, Math.abs(side.keys[0] ?? 0));
}

/** Numbers begin anew as the exchange lets them. */
function restart(books: ExchangeBooks): void {
  const { protocol, sockets } = books.host;
  const how = protocol.books?.restart;
  for (const code of books.codes.values()) {
    books.flush(code);
    if (how === 'reset') code.engine.version = 1000 + code.nth;
    if (how === 'snapshot') {
      for (const publication of code.publications.values()) publication.frame = 0;
      books.snapshotAgain(code);
    }
    books.note(code, 'restart');
  }
  if (how !== 'end') return;
  for (const socket of [...sockets.values()]) {
    const ending = { code: 1001, reason: '' };
    const said = socket.conversation.announceEnd?.() ?? [];
    socket.perform([...said, { do: 'end', ending, afterMs: 100 }]);
  }
}
