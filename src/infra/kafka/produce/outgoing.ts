/** One header: an object with one key. */
export type Header = Readonly<Record<string, string>>;

/** A message on its way, and who is told how it ended: `delivered`, `refused` or `undelivered`, once. */
export interface Outgoing {
  readonly topic: string;
  readonly key: string | null;
  readonly value: Buffer;
  readonly headers: readonly Header[];
  /** Rows in it; 0 for a message about the data. */
  readonly rows: number;
  /** How many of them are in memory as objects beside its value; left out: all. */
  readonly objects?: number;
  /** Fence of the lease that it stands under; null or left out where there is none. */
  readonly fence?: number | null;
  /**
   * Kafka's time of the message, epoch ms. Set by the queue where the broker refuses that of our clock; null or left out:
   * the client's clock.
   */
  timestampMs?: number | null;
  delivered(): void;
  /** The broker will never take it, whatever anybody does. @param code librdkafka's */
  refused(code: number): void;
  /** Its lease was lost, or given back, before it could be handed over. */
  superseded?(): void;
  /** Its lease was lost; it lies in the outbox, and comes late where nobody else has written its rows by then. */
  setAside?(): void;
  /** It lies in the outbox, and this program has it in memory no more: what becomes of it is told of what is read back. */
  readonly shelved?: (() => void) | undefined;
  /** The program ends before the acknowledgement. */
  undelivered(): void;
  /** It is too large, alone: smaller messages that stand for it, in order, or null, then `refused` follows. */
  split(): readonly Outgoing[] | null;
}
