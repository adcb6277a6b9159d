import { join } from 'node:path';
import type { Command } from './commands.ts';

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
  return {
    ...listening,
    pid: child.pid,
    async do(command) {
      const response = await fetch(`${listening.control}/control`, {
        method: 'POST',
        body: JSON.stringify(command),
      });
      const answer = (await response.json()) as { touched: number; error?: string };
      if (answer.error !== undefined) throw new Error(answer.error);
      return answer.touched;
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
