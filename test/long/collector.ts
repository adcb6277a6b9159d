import { closeSync, openSync, readFileSync } from 'node:fs';
import { type Form, launch } from '../integration/binary.ts';

/** How soon a process that ended is started again, as a service manager does. */
const RESTART_MS = 1000;

/**
 * The collector under test, a process of its own that is started again whenever it ends. It dies with the process that
 * started it.
 */
export class SupervisedCollector {
  /** When each of its lives began, epoch ms. */
  readonly starts: number[] = [];
  /** From each end to the start after it, epoch ms. */
  readonly restarts: { from: number; to: number }[] = [];
  /** Exit codes or signals of ends that nobody asked for. */
  readonly unasked: string[] = [];
  #child: Bun.Subprocess | null = null;
  #asked = false;

  /** @param logFile takes standard error of all its lives */
  constructor(
    readonly form: Form,
    readonly argv: readonly string[],
    readonly env: Readonly<Record<string, string>>,
    readonly logFile: string,
  ) {}

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  start(): void {
    const { argv, cwd, env } = launch(this.form);
    const log = openSync(this.logFile, 'a');
    this.#asked = false;
    this.#child = Bun.spawn(['setpriv', '--pdeathsig', 'KILL', ...argv, 'run', ...this.argv], {
      cwd,
      env: { PATH: process.env.PATH ?? '', ...env, ...this.env },
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: log,
    });
    closeSync(log);
    this.starts.push(Date.now());
    void this.#watch(this.#child);
  }

  async #watch(child: Bun.Subprocess): Promise<void> {
    await child.exited;
    if (this.#asked || child !== this.#child) return;
    this.unasked.push(`${child.signalCode ?? child.exitCode} at ${new Date().toISOString()}`);
    await this.#again(Date.now());
  }

  /** SIGKILL, and a new start. */
  async kill9(): Promise<void> {
    const child = this.#child;
    this.#asked = true;
    const from = Date.now();
    child?.kill('SIGKILL');
    await child?.exited;
    await this.#again(from);
  }

  async #again(from: number): Promise<void> {
    await Bun.sleep(RESTART_MS);
    this.start();
    this.restarts.push({ from, to: Date.now() });
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  /** SIGTERM. @returns its exit code and how long it took, in ms */
  async stop(): Promise<{ readonly code: number; readonly ms: number }> {
    const from = performance.now();
    this.#asked = true;
    this.#child?.kill('SIGTERM');
    return { code: (await this.#child?.exited) ?? -1, ms: performance.now() - from };
  }

  /** Resident memory in bytes; null where it does not run. */
  residentBytes(): number | null {
    try {
      const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))?.[1];
      return kilobytes === undefined ? null : Number(kilobytes) * 1024;
    } catch {
      return null;
    }
  }
}
