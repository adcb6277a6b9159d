import type { Subprocess } from 'bun';
import { freePort } from '../../services/ports.ts';

/** What a script on another machine came to. */
export interface Ended {
  readonly code: number;
  /** Standard output and standard error. */
  readonly said: string;
}

/** A machine that has the unpacked archive in `/opt/archive` and nothing of the work tree. */
export interface Machine {
  /** What this machine is called there. */
  readonly host: string;
  /** Port of this machine at which the collector's page is seen when it listens on the same one there. */
  readonly port: number;
  /** Runs a bash script there, to its end. @throws Error where it takes longer */
  run(script: string, limitMs: number): Promise<Ended>;
  end(): Promise<void>;
}

/**
 * A machine on this one's network, when its agent listens.
 * @param off called at its end, when the agent is killed
 */
export async function machineOf(
  child: Subprocess<'pipe', 'pipe', 'ignore'>,
  upMs: number,
  off: () => Promise<unknown>,
): Promise<Machine> {
  const agent = new Agent(child);
  await agent.ready(upMs);
  return {
    host: '127.0.0.1',
    port: await freePort(),
    run: (script, limitMs) => agent.run(script, limitMs),
    async end() {
      child.kill('SIGKILL');
      await off();
    },
  };
}

/** Where every machine has the archive's files. */
export const ARCHIVE = '/opt/archive';

/**
 * Speaks with `agent.sh`, which a child runs with its standard input and output. Lines that are no answers, such as a
 * kernel's, are kept for whoever has to find out why there was none.
 */
export class Agent {
  #text = '';
  #number = 0;
  readonly #ready = Promise.withResolvers<void>();
  readonly #answers = new Map<number, (ended: Ended) => void>();

  constructor(readonly child: Subprocess<'pipe', 'pipe', 'ignore' | number>) {
    this.#ready.promise.catch(() => {});
    void this.#read();
  }

  /** Resolves when the agent listens. */
  ready(limitMs: number): Promise<void> {
    return within(
      this.#ready.promise,
      limitMs,
      () => `the machine did not come up: ${this.#text.slice(-2000)}`,
    );
  }

  async run(script: string, limitMs: number): Promise<Ended> {
    const number = ++this.#number;
    const { promise, resolve } = Promise.withResolvers<Ended>();
    this.#answers.set(number, resolve);
    this.child.stdin.write(`${number} ${Buffer.from(script).toString('base64')}\n`);
    this.child.stdin.flush();
    return within(promise, limitMs, () => `no answer to: ${script}\n${this.#text.slice(-2000)}`);
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.child.stdout) {
      const lines = (this.#text + decoder.decode(chunk, { stream: true })).split('\n');
      this.#text = lines.pop() ?? '';
      for (const line of lines) this.#take(line.trim());
    }
    this.#ready.reject(new Error('the machine ended'));
  }

  #take(line: string): void {
    if (line === 'ready') this.#ready.resolve();
    const [, number, code, said = ''] = /^answer (\d+) (\d+) ?(\S*)$/.exec(line) ?? [];
    this.#answers.get(Number(number))?.({ code: Number(code), said: Buffer.from(said, 'base64').toString() });
  }
}

async function within<T>(promise: Promise<T>, limitMs: number, why: () => string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`${limitMs / 1000} s over: ${why()}`)), limitMs);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
