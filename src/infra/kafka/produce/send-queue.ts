import type { StandingOf } from '../../../application/leases/fences.ts';
import type { Cancel, Clock } from '../../../common/clock.ts';
import type { Breaker } from '../client/breaker.ts';
import { type Trouble, type Verdict, verdictOf } from './delivery-errors.ts';
import { type BatchClient, type Handed, NOT_TRIED, oneByOne, type Produce } from './handed.ts';
import type { Outgoing } from './outgoing.ts';
import { refusedAgain } from './refusal.ts';
import { type Entry, entryOf, type Queued, type TopicLine } from './topic-line.ts';
import { TopicLines, type TopicState } from './topic-lines.ts';

/** A message that counts as under way and is handed over with the others of this turn of the event loop. */
interface Staged extends Handed {
  readonly entry: Entry;
}

/** Messages handed over in one turn of the event loop after a pause, so that sockets are still read meanwhile. */
const PER_TURN = 500;
/** What is staged is handed over at once where it is so many, or a turn of a busy process lasts so long, ms. */
const MOST_STAGED = 512;
const STAGED_MS = 5;
/** When to look again after the client would not take a message. */
const AGAIN_MS = 100;
const INVALID_TIMESTAMP = 32;

/**
 * Between whoever has messages and the producer. The messages of a topic go out in the order in which they came in;
 * what comes back for another try takes its old place. A topic that refuses waits with all it has, and is asked again
 * with its first message alone, once a second; the others go on. The breaker stands before the producer: while
 * it is open, messages wait here, encoded.
 */
export class SendQueue {
  readonly #client: BatchClient;
  /** Whether messages wait for the others of their turn. */
  readonly #gathers: boolean;
  readonly #breaker: Breaker;
  readonly #clock: Clock;
  readonly #onTrouble: Trouble;
  readonly #standingOf: StandingOf;
  readonly #lines = new TopicLines();
  #turn = 0;
  #nextSeq = 0;
  #held = false;
  #over = false;
  #draining = false;
  #scheduled = false;
  #staged: Staged[] = [];
  /** Monotonic milliseconds at which the first of them was staged. */
  #stagedAt = 0;
  #timer: { at: number; cancel: Cancel } | null = null;
  #idle: (() => void)[] = [];
  /** Told where acknowledged messages lie. */
  onPlaced: ((topic: string, partition: number, offset: number) => void) | null = null;
  delivered = 0;
  deliveredBytes = 0;
  retried = 0;
  /** Monotonic milliseconds of the latest acknowledgement. */
  acknowledgedAt = Number.NEGATIVE_INFINITY;

  /**
   * @param client one that takes messages one by one gets each at once
   * @param standingOf whether a fence's lease is still held, asked before each message that has one is handed over
   */
  constructor(
    client: Produce | BatchClient,
    breaker: Breaker,
    clock: Clock,
    onTrouble: Trouble,
    standingOf: StandingOf = () => 'held',
  ) {
    this.#standingOf = standingOf;
    this.#gathers = typeof client !== 'function';
    this.#client = typeof client === 'function' ? oneByOne(client) : client;
    this.#breaker = breaker;
    this.#clock = clock;
    this.#onTrouble = onTrouble;
  }

  get waitingMessages(): number {
    return this.#lines.waitingMessages;
  }

  get waitingBytes(): number {
    return this.#lines.waitingBytes;
  }

  get underWayMessages(): number {
    return this.#lines.underWayMessages;
  }

  get underWayBytes(): number {
    return this.#lines.underWayBytes;
  }

  /** Monotonic milliseconds at which the oldest message under way was handed to the producer; null where none is. */
  get oldestSentAt(): number | null {
    return this.#lines.oldestSentAt;
  }

  /** How each topic stands that messages wait for. */
  topics(): TopicState[] {
    return this.#lines.states();
  }

  /** @returns what `withdraw` takes; null where the message is at its end already */
  send(message: Outgoing): Queued | null {
    if (this.#over) {
      message.undelivered();
      return null;
    }
    const line = this.#lines.of(message.topic);
    const now = this.#clock.now();
    const entry = entryOf(line, message, this.#nextSeq++, 1, now);
    if (line.waiting.length > 0 || !this.#open() || !line.admits(entry, now)) {
      line.waiting.push(entry);
      this.#schedule();
      return entry;
    }
    this.#stage(entry);
    const { length } = this.#staged;
    if (length === 1) this.#stagedAt = now;
    if (!this.#gathers || length >= MOST_STAGED || now - this.#stagedAt >= STAGED_MS) this.#handOver();
    else if (length === 1) setImmediate(() => this.#handOver());
    return entry;
  }

  /** Takes a message back that still waits here. False where it is under way, or at its end. */
  withdraw({ message, seq }: Queued): boolean {
    return this.#lines.of(message.topic).waiting.remove(seq);
  }

  /**
   * A delivery report.
   * @param code 0 where it was acknowledged
   * @param words librdkafka's about the code
   * @param partition where it lies, and at which offset; below 0 where that is not known
   */
  report(id: number, code: number, words = '', partition = -1, offset = -1): void {
    const entry = this.#lines.take(id);
    if (!entry) return;
    const { line } = entry;
    if (code === 0) {
      this.delivered++;
      this.acknowledgedAt = this.#clock.now();
      this.deliveredBytes += entry.bytes;
      if (offset >= 0) this.onPlaced?.(line.topic, partition, offset);
      line.acknowledged(entry);
      line.stamp.taken(entry.shiftMs);
      this.#breaker.success();
      entry.message.delivered();
    } else {
      this.#cameBack(entry, code, words, true);
    }
    if (line.waiting.length > 0 || this.#breaker.state === 'half_open') this.#schedule();
    else this.#settle();
  }

  /** Hands over what may go now. Call it when the breaker changed. */
  pump(): void {
    const busy = this.#lines.busy();
    if (busy.length === 0) return this.#settle();
    // Another begins each time, so that no topic takes all the places of a half-open breaker.
    const first = this.#turn++ % busy.length;
    let left = PER_TURN;
    for (const line of [...busy.slice(first), ...busy.slice(0, first)]) {
      left = this.#pumpLine(line, left);
      if (left === 0) break;
    }
    this.#handOver();
    if (left === 0) this.#schedule();
    else this.#settle();
  }

  /** Nothing is handed over until `release`, because the producer is to be replaced. */
  hold(): void {
    this.#held = true;
  }

  /** Takes back everything under way: the producer that had it is no more. */
  takeBack(): void {
    this.#lines.takeBack();
  }

  release(): void {
    this.#held = false;
    this.#schedule();
  }

  /** Asks the topics that refuse again, now. */
  askAgain(): void {
    const now = this.#clock.now();
    for (const line of this.#lines.all()) if (line.refusal) line.refusal = { ...line.refusal, nextAt: now };
    this.#schedule();
  }

  /** Sends regardless of the breaker; resolves when nothing is left. */
  drained(): Promise<void> {
    this.#draining = true;
    this.askAgain();
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      this.#settle();
    });
  }

  /** Gives up on rows: returns the messages with rows that were never acknowledged, and forgets them. */
  abandonRows(): Outgoing[] {
    return this.#abandon(({ rows }) => rows > 0);
  }

  /** Gives up: returns what was never acknowledged and forgets it. What is sent from now on is undelivered. */
  abandon(): Outgoing[] {
    this.#over = true;
    this.#held = true;
    this.#timer?.cancel();
    return this.#abandon(() => true);
  }

  #abandon(which: (message: Outgoing) => boolean): Outgoing[] {
    const left = this.#lines.abandon(which);
    this.#settle();
    return left;
  }

  #open(): boolean {
    if (this.#held) return false;
    return this.#draining || this.#breaker.admits(this.underWayMessages);
  }

  /** @returns how many more may go in this turn */
  #pumpLine(line: TopicLine, most: number): number {
    let left = most;
    const took = line.offer(this.#clock.now(), (entry) => {
      if (left === 0 || !this.#open()) return false;
      this.#stage(entry);
      left--;
      return true;
    });
    if (took && line.refusal && line.underWay === 0 && line.waiting.length > 0)
      this.#lookAgain(line.refusal.nextAt);
    return left;
  }

  #stage(entry: Entry): void {
    const now = this.#clock.now();
    entry.line.date(entry, now, this.#clock.micros());
    const id = this.#lines.sent(entry, now);
    this.#staged.push({ id, entry, message: entry.message, code: 0 });
  }

  /** The one place where messages pass to the producer. What it does not take, and what is behind it, goes back. */
  #handOver(): void {
    if (this.#staged.length === 0) return;
    // A report may close the breaker, and what waited then is staged and handed over in there, behind what is staged by now.
    this.#client.takeReports();
    const staged = this.#staged;
    this.#staged = [];
    const stopped = new Set<TopicLine>();
    const handed = staged.filter((one) => this.#mayGo(one, stopped));
    if (handed.length > 0) this.#client.produceAll(handed);
    for (const one of handed) if (one.code !== 0) this.#notTaken(one);
    this.#settle();
  }

  /**
   * Whether it may still be handed over. Since it was staged it may have been taken back, its lease may have ended, and
   * one that it would overtake may have come back.
   */
  #mayGo({ id, entry, message }: Staged, stopped: Set<TopicLine>): boolean {
    if (!this.#lines.has(id, entry)) return false;
    const { line } = entry;
    const overtakes = line.cameBackSince(entry);
    const waits = this.#held || overtakes || stopped.has(line);
    const { fence } = message;
    const standing = waits || fence === undefined || fence === null ? 'held' : this.#standingOf(fence);
    if (standing === 'held' && !waits) return true;
    this.#lines.take(id);
    if (standing === 'ended') {
      message.superseded?.();
      if (line.waiting.length > 0) this.#schedule();
      return false;
    }
    line.waiting.insert(entry);
    stopped.add(line);
    if (standing === 'unsure') this.#lookAgain(this.#clock.now() + AGAIN_MS);
    else if (overtakes) this.#schedule();
    return false;
  }

  #notTaken({ id, entry, code }: Staged): void {
    if (!this.#lines.take(id)) return;
    if (code === NOT_TRIED) return void entry.line.waiting.insert(entry);
    // What the client itself refuses is about this message alone.
    entry.company = false;
    entry.sentAt = this.#clock.now();
    if (this.#cameBack(entry, code, '', false) === 'retry') this.#lookAgain(this.#clock.now() + AGAIN_MS);
    else this.#schedule();
  }

  /** @param sent whether a broker was asked; the client's own queue may be full, which is no refusal */
  #cameBack(entry: Entry, code: number, words: string, sent: boolean): Verdict {
    const { line } = entry;
    const verdict = verdictOf(code, !entry.company);
    if (verdict === 'too_large') {
      this.#divide(entry, code);
      return verdict;
    }
    this.retried++;
    if (code === INVALID_TIMESTAMP && entry.message.rows === 0)
      line.stamp.refused(entry.shiftMs, this.#clock.now());
    entry.alone = verdict === 'alone';
    if (verdict === 'crowded') line.crowded(entry);
    if (verdict === 'held' || (verdict === 'retry' && sent)) {
      // Those that were sent together are refused once.
      if (!line.refusal || entry.sentAt > line.refusal.at)
        line.refusal = refusedAgain(line.refusal, code, words, this.#clock.now(), verdict === 'retry');
    }
    line.putBack(entry);
    if (verdict !== 'retry') this.#onTrouble(verdict, code, line.topic, words);
    return verdict;
  }

  #divide(entry: Entry, code: number): void {
    const { line } = entry;
    const parts = entry.message.split();
    if (!parts) return entry.message.refused(code);
    const span = entry.span / parts.length;
    for (const [i, message] of parts.entries())
      line.putBack(entryOf(line, message, entry.seq + i * span, span, entry.queuedAt), true);
  }

  #settle(): void {
    if (this.#idle.length === 0 || this.underWayMessages > 0 || this.waitingMessages > 0) return;
    this.#draining = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.pump();
    });
  }

  #lookAgain(at: number): void {
    if (this.#over || (this.#timer && this.#timer.at <= at)) return;
    this.#timer?.cancel();
    const cancel = this.#clock.after(Math.max(0, at - this.#clock.now()), () => {
      this.#timer = null;
      this.pump();
    });
    this.#timer = { at, cancel };
  }
}
