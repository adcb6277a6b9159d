/** A WebSocket client that only records, for tests of the simulator itself. */
export class PlainClient {
  /** Every frame as text, binary ones decoded. */
  readonly texts: string[] = [];
  binaryFrames = 0;
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly socket: WebSocket;

  private constructor(url: string) {
    this.socket = new WebSocket(url);
    this.socket.binaryType = 'arraybuffer';
    this.socket.onmessage = ({ data }) => {
      if (typeof data !== 'string') this.binaryFrames++;
      this.texts.push(typeof data === 'string' ? data : new TextDecoder().decode(data));
    };
    this.closed = new Promise((resolve) => {
      this.socket.onclose = ({ code, reason }) => resolve({ code, reason });
    });
  }

  /** Resolves once open; rejects where the upgrade is refused. */
  static async open(url: string): Promise<PlainClient> {
    const client = new PlainClient(url);
    await new Promise<void>((resolve, reject) => {
      client.socket.onopen = () => resolve();
      client.socket.onerror = () => reject(new Error(`${url} did not open`));
    });
    return client;
  }

  send(value: unknown): void {
    this.socket.send(typeof value === 'string' ? value : JSON.stringify(value));
  }

  /** Frames as objects that satisfy `wanted`. */
  frames<T = Record<string, unknown>>(wanted: (frame: Record<string, unknown>) => boolean = () => true): T[] {
    return this.texts.map((text) => JSON.parse(text) as Record<string, unknown>).filter(wanted) as T[];
  }

  /** Resolves as soon as `done` holds; rejects after `ms`. */
  async until(done: (client: PlainClient) => boolean, ms = 3000): Promise<void> {
    const deadline = performance.now() + ms;
    while (!done(this)) {
      if (performance.now() > deadline)
        throw new Error(`not reached; frames: ${this.texts.slice(-5).join(' ')}`);
      await Bun.sleep(2);
    }
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.closed;
  }
}
