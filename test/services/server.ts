import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { canListen, freePort } from './ports.ts';
import { adopt, disown } from './scratch.ts';

/** How one server program is run. `ready` is asked again and again until it says true. */
export interface ServerSpec {
  name: string;
  argv: string[];
  port: number;
  /** Holds the server's data and its `server.log`; created where missing. */
  dir: string;
  ready: () => Promise<boolean>;
}

/** Long, because test runs share small machines, and yet less than a test may take: the reason must come first. */
const READY_WITHIN_MS = 50_000;
const STOP_WITHIN_MS = 20_000;
const POLL_MS = 40;

/** Raised when a server is not up in time or ends before it is; the message holds the end of its log. */
export class ServerFailed extends Error {
  constructor(
    message: string,
    readonly portTaken: boolean,
  ) {
    super(message);
  }
}

/**
 * One server process that a test may stop, kill, freeze and start again, always on the same port and data.
 * It dies with the process that started it, however that one ends.
 */
export class Server {
  #process: Bun.Subprocess | undefined;
  readonly #spec: ServerSpec;

  constructor(spec: ServerSpec) {
    this.#spec = spec;
  }

  /** Process id while it runs. */
  get pid(): number | undefined {
    return this.running ? this.#process?.pid : undefined;
  }

  get running(): boolean {
    return (
      this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null
    );
  }

  /** What it has written so far, over all its lives. */
  log(): string {
    const file = this.#logFile();
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  /** Starts it and returns when it answers. Throws ServerFailed. */
  async start(): Promise<void> {
    if (this.running) throw new Error(`${this.#spec.name} is already running`);
    // Whoever holds the port would answer in the place of ours.
    if (!(await canListen(this.#spec.port))) {
      throw new ServerFailed(`${this.#spec.name} cannot have port ${this.#spec.port}: it is taken`, true);
    }
    await mkdir(this.#spec.dir, { recursive: true });
    adopt(this);
    const written = this.log().length;
    const log = openSync(this.#logFile(), 'a');
    // The kernel kills the server when the thread that started it ends, even by SIGKILL.
    this.#process = Bun.spawn(['setpriv', '--pdeathsig', 'KILL', ...this.#spec.argv], {
      cwd: this.#spec.dir,
      stdin: 'ignore',
      stdout: log,
      stderr: log,
    });
    closeSync(log);
    const deadline = Date.now() + READY_WITHIN_MS;
    while (!(await this.#spec.ready())) {
      if (!this.running) throw this.#failure('ended before it was ready', written);
      if (Date.now() > deadline) {
        await this.kill9();
        throw this.#failure(`did not answer within ${READY_WITHIN_MS / 1000} s`, written);
      }
      await Bun.sleep(POLL_MS);
    }
  }

  /** Ends it in order (SIGTERM), by force if it takes too long. The data stay for `restart`. */
  async stop(withinMs = STOP_WITHIN_MS): Promise<void> {
    if (!this.running || !this.#process) return;
    this.#process.kill('SIGTERM');
    this.#process.kill('SIGCONT');
    const force = setTimeout(() => this.#process?.kill('SIGKILL'), withinMs);
    await this.#process.exited;
    clearTimeout(force);
  }

  /** Ends it at once, as a power cut would. */
  async kill9(): Promise<void> {
    if (!this.#process) return;
    this.#process.kill('SIGKILL');
    await this.#process.exited;
  }

  /** Starts it again with the port and data it had, after killing it if it still runs. Returns when it answers. */
  async restart(): Promise<void> {
    await this.kill9();
    await this.start();
  }

  /** Freezes it: connections stay open and nothing answers. */
  pause(): void {
    this.#process?.kill('SIGSTOP');
  }

  /** Lets it go on after `pause`. */
  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  /** Kills it and deletes its folder; it cannot be restarted afterwards. */
  async discard(): Promise<void> {
    await this.kill9();
    await rm(this.#spec.dir, { recursive: true, force: true });
    disown(this);
  }

  #logFile(): string {
    return join(this.#spec.dir, 'server.log');
  }

  #failure(what: string, logOffset: number): ServerFailed {
    const log = this.log().slice(logOffset);
    const taken = /address already in use|BindException|already seems to be listening/i.test(log);
    return new ServerFailed(`${this.#spec.name} ${what}. The end of its log:\n${log.slice(-3000)}`, taken);
  }
}

/** Makes and starts a server on the given port or, where none is given, on a free one, trying another if it is lost. */
export async function startOnPort<S extends Server>(
  port: number | undefined,
  make: (port: number) => Promise<S> | S,
): Promise<S> {
  for (let attempt = 1; ; attempt++) {
    const server = await make(port ?? (await freePort()));
    try {
      await server.start();
      return server;
    } catch (error) {
      const another = error instanceof ServerFailed && error.portTaken && port === undefined && attempt < 5;
      if (!another) throw error;
    }
  }
}
