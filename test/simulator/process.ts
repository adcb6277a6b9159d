import { join } from 'node:path';
import type { BookState } from './books/exchange-books.ts';
import type { Command } from './commands.ts';
import type { PastTrade } from './rest/service.ts';
import type { Between } from './rest/tape.ts';

/** What a simulator in a process of its own says when it listens. */
export interface Listening {
  readonly exchanges: Readonly<
    Record<string, { readonly url: string; readonly restUrl: string; readonly symbols: readonly string[] }>
  >;
  /** EXCHANGE_<ID>_URL and EXCHANGE_<ID>_REST_URL of every exchange. */
  readonly env: Readonly<Record<string, string>>;
  /** Base address of the control endpoint. */
  readonly control: string;
}

export interface SimulatorProcess extends Listening {
  readonly pid: number;
  do(command: Command): Promise<number>;
  /** A code's book as its subscribers have it now. */
  book(exchange: string, symbol: string): Promise<BookState>;
  /** What happened on a code, as `Ledger.past` has it; `lateMs` is null where it is Infinity. */
  past(exchange: string, symbol: string, between?: Between): Promise<PastTrade[]>;
  /** Ends it and waits. */
  stop(): Promise<void>;
}

/**
 * Starts the simulator in a process of its own, so that making load does not disturb what is measured. It ends with
 * this process, however that ends: it watches its standard input.
 * @param flags those of `main.ts`, as in `['--exchanges', 'upbit', '--rate', '5000']`
 */
export async function spawnSimulator(flags: readonly string[]): Promise<SimulatorProcess> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'main.ts'), '--with-parent', ...flags], {
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
    // A process group of its own: ^C in a terminal ends the collector first.
    detached: true,
  });
  const listening = JSON.parse(await firstLine(child.stdout)) as Listening;
  async function ask(command: Command): Promise<{ touched: number; book?: BookState }> {
    const body = JSON.stringify(command);
    const response = await fetch(`${listening.control}/control`, { method: 'POST', body });
    const answer = (await response.json()) as { touched: number; book?: BookState; error?: string };
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  }
  return {
    ...listening,
    pid: child.pid,
    do: async (command) => (await ask(command)).touched,
    async book(exchange, symbol) {
      const { book } = await ask({ do: 'book', exchange, symbol });
      if (!book) throw new Error(`no book of ${symbol}`);
      return book;
    },
    async past(exchange, symbol, between = {}) {
      const query = new URLSearchParams({ exchange, symbol });
      for (const [name, value] of Object.entries(between)) query.set(name, `${value}`);
      const response = await fetch(`${listening.control}/control/past?${query}`);
      return (await response.json()) as PastTrade[];
    },
    async stop() {
      child.kill('SIGTERM');
      await child.exited;
    },
  };
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    const end = text.indexOf('\n');
    if (end >= 0) return text.slice(0, end);
  }
  throw new Error('the simulator ended before it listened');
}
