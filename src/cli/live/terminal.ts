import type { LineOutput } from '../../common/line-output.ts';
import type { Figures } from './figures.ts';
import { type Look, SORTS, screen } from './screen.ts';

const UP = '\u001b[A';
const DOWN = '\u001b[B';
const ESCAPE = '\u001b';
const ENTER = '\r';
const BACKSPACE = '\u007f';
const CTRL_C = '\u0003';
/** Without a size of its own, as behind some pipes that call themselves terminals. */
const PLAIN = { columns: 80, rows: 24 };
/** Lines that the log keeps above the table. */
const LOG_LINES = 4;

/**
 * A table that renews itself below the log lines of a terminal, and the keys that change it. It is drawn over itself:
 * since none of its lines wraps, as many lines up is where it began.
 */
export class TerminalTable {
  readonly #out: LineOutput;
  readonly #terminal: NodeJS.WriteStream;
  readonly #in: NodeJS.ReadStream;
  readonly #quit: () => void;
  #figures: readonly Figures[] = [];
  #drawn = 0;
  #columns = 0;
  #look: Pick<Look, 'sort' | 'filter' | 'typing' | 'offset'> = {
    sort: 'name',
    filter: '',
    typing: false,
    offset: 0,
  };
  readonly #onResize = (): void => this.draw();
  readonly #onKey = (data: Buffer): void => {
    for (const key of keysOf(data.toString())) this.#key(key);
  };

  /**
   * @param terminal what `out` writes to, for its size
   * @param quit what q and Ctrl-C do, since a terminal that gives single keys makes no signals of them
   */
  constructor(out: LineOutput, terminal: NodeJS.WriteStream, input: NodeJS.ReadStream, quit: () => void) {
    this.#out = out;
    this.#terminal = terminal;
    this.#in = input;
    this.#quit = quit;
  }

  start(): void {
    this.#terminal.on('resize', this.#onResize);
    if (!this.#in.isTTY) return;
    this.#in.setRawMode(true);
    this.#in.on('data', this.#onKey);
    this.#in.unref();
  }

  stop(): void {
    this.#erase();
    this.#figures = [];
    this.#terminal.off('resize', this.#onResize);
    if (!this.#in.isTTY) return;
    this.#in.off('data', this.#onKey);
    this.#in.setRawMode(false);
    this.#in.pause();
  }

  show(figures: readonly Figures[]): void {
    this.#figures = figures;
    this.draw();
  }

  /** A log line: it goes above the table. */
  write(line: string): void {
    this.#erase();
    this.#out.write(line);
    this.#paint();
  }

  draw(): void {
    this.#erase();
    this.#paint();
  }

  #paint(): void {
    // A reader that stalls is not to hold back log lines for a table that is old by then.
    if (this.#figures.length === 0 || this.#out.full) return;
    const { columns = PLAIN.columns, rows = PLAIN.rows } = this.#terminal;
    const lines = screen(this.#figures, {
      ...this.#look,
      columns: columns - 1,
      lines: Math.max(4, rows - LOG_LINES),
    });
    this.#out.write(`${lines.join('\n')}\n`);
    this.#drawn = lines.length;
    this.#columns = columns;
  }

  #erase(): void {
    if (this.#drawn === 0) return;
    // A terminal made narrower has wrapped what was drawn for more columns.
    const { columns = PLAIN.columns } = this.#terminal;
    const lines = this.#drawn * Math.max(1, Math.ceil(this.#columns / columns));
    this.#out.write(`\u001b[${lines}A\r\u001b[0J`);
    this.#drawn = 0;
  }

  #key(key: string): void {
    const { sort, filter, typing, offset } = this.#look;
    if (key === CTRL_C) return this.#quit();
    if (typing) this.#type(key, filter);
    else if (key === 'q') return this.#quit();
    else if (key === '/') this.#look = { ...this.#look, typing: true, filter: '', offset: 0 };
    else if (key === 's')
      this.#look = { ...this.#look, sort: SORTS[(SORTS.indexOf(sort) + 1) % SORTS.length] ?? sort };
    else if (key === ESCAPE) this.#look = { ...this.#look, filter: '', offset: 0 };
    else if (key === DOWN || key === 'j')
      this.#look = { ...this.#look, offset: Math.min(offset + 1, this.#figures.length) };
    else if (key === UP || key === 'k') this.#look = { ...this.#look, offset: Math.max(0, offset - 1) };
    this.draw();
  }

  #type(key: string, filter: string): void {
    if (key === ENTER) this.#look = { ...this.#look, typing: false };
    else if (key === ESCAPE) this.#look = { ...this.#look, typing: false, filter: '' };
    else if (key === BACKSPACE) this.#look = { ...this.#look, filter: filter.slice(0, -1) };
    else if (/^[\w ]+$/.test(key)) this.#look = { ...this.#look, filter: filter + key };
  }
}

/** Keys that came in one piece, as pasted text does, or from a terminal that is far away. */
export function keysOf(typed: string): string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: keys of a terminal are control characters
  return typed.match(/\u001b\[[\d;]*[A-Za-z~]|[\s\S]/gu) ?? [];
}
