import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SOURCE = join(import.meta.dir, 'addon-exercise.ts');

/** A program of a test, `addon-exercise.ts` or another, in one of two forms, run from a folder that holds nothing. */
export class AddonProgram {
  readonly #folder = mkdtempSync(join(tmpdir(), 'addon-'));
  readonly #command: string[];

  /** @param compiled as one binary, by plain `bun build --compile`; else from the source */
  constructor(compiled: boolean, source = SOURCE) {
    const binary = join(this.#folder, '..', `${this.#folder.split('/').at(-1)}.bin`);
    this.#command = compiled ? [binary] : [process.execPath, source];
    if (!compiled) return;
    const build = Bun.spawnSync([process.execPath, 'build', '--compile', source, '--outfile', binary]);
    if (!build.success) throw new Error(`bun build failed: ${build.stderr}`);
  }

  start(args: string[], env: Record<string, string> = {}): Bun.Subprocess<'pipe', 'pipe', 'pipe'> {
    return Bun.spawn([...this.#command, ...args], {
      cwd: this.#folder,
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  }

  /** The last line that it printed, read as JSON. */
  async run(args: string[]): Promise<Record<string, unknown>> {
    const child = this.start(args);
    const [out, log, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    if (code !== 0) throw new Error(`exit code ${code}: ${log}`);
    return JSON.parse(out.trim().split('\n').at(-1) ?? '');
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
    if (this.#command.length === 1) rmSync(this.#command[0] ?? '');
  }
}

/** What `outage` printed so far, and a way to wait for more. */
export class OutageWatch {
  readonly #child: Bun.Subprocess<'pipe', 'pipe', 'pipe'>;
  readonly #lines: Record<string, unknown>[] = [];
  readonly #reading: Promise<void>;

  constructor(child: Bun.Subprocess<'pipe', 'pipe', 'pipe'>) {
    this.#child = child;
    this.#reading = this.#read();
  }

  /** Waits for a line, after `from` lines, that meets the condition; returns the number of lines then. */
  async until(what: string, from: number, met: (line: Record<string, unknown>) => boolean): Promise<number> {
    const deadline = performance.now() + 30_000;
    for (let at = from; performance.now() < deadline; ) {
      const line = this.#lines[at];
      if (line === undefined) await Bun.sleep(20);
      else if (met(line)) return at + 1;
      else at++;
    }
    throw new Error(`no sign of ${what}; last: ${JSON.stringify(this.#lines.slice(-5))}`);
  }

  /** Tells the program to end; its last line. */
  async end(): Promise<Record<string, unknown>> {
    this.#child.stdin.write('end\n');
    this.#child.stdin.end();
    await this.#reading;
    await this.#child.exited;
    return this.#lines.at(-1) ?? {};
  }

  async #read(): Promise<void> {
    let rest = '';
    for await (const chunk of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#lines.push(JSON.parse(line));
    }
  }
}
