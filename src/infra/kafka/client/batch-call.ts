import { type Handed, NOT_TRIED } from '../produce/handed.ts';
import type { Header } from '../produce/outgoing.ts';

/** What the addon adds to the native client, see `addon/native`. All but the first take the number that it gave. */
interface NativeBatches {
  openBatches(): number;
  internTopic(outlet: number, name: string): number;
  internKey(outlet: number, key: string): number;
  internHeaders(outlet: number, namesAndValues: readonly string[]): number;
  forgetKeys(outlet: number): void;
  forgetHeaders(outlet: number): void;
  produceBatch(
    outlet: number,
    descriptors: Int32Array,
    count: number,
    slabs: readonly ArrayBufferLike[],
  ): number;
  takePlacedReports(outlet: number, into: Int32Array): number;
  errorWords(outlet: number, code: number): string;
  closeBatches(outlet: number): void;
  freeBatches(outlet: number): void;
}

type ToldReport = (id: number, code: number, partition: number, offset: number) => void;

/** Messages in one call at most. */
const PER_CALL = 1024;
/** 32-bit numbers of a message: topic, key, headers, slab, offset, length, id, time in two halves, code. */
const FIELDS = 10;
const CODE = 9;
const HALF = 2 ** 32;
const NONE = -1;
/** Reports taken in one call at most. */
const REPORTS = 4096;
/** 32-bit numbers of a report: id, code, partition, offset in two halves. */
const REPORT_FIELDS = 5;
/** Keys and sets of headers known by number; beyond that their numbers begin anew. A call never brings more. */
const MAX_KEYS = 16_384;
const MAX_HEADERS = 2_048;

/**
 * The one place that knows of the addon's batches: many messages in one call, their reports gathered without a thread
 * or a wake-up of their own. Topics, keys and sets of headers go by number; values lie where the codec wrote them.
 */
export class BatchCall {
  readonly #native: NativeBatches;
  readonly #outlet: number;
  readonly #topics = new Map<string, number>();
  readonly #keys = new Map<string, number>();
  readonly #headers = new Map<readonly Header[], number>();
  readonly #descriptors = new Int32Array(PER_CALL * FIELDS);
  readonly #reports = new Int32Array(REPORTS * REPORT_FIELDS);
  /** Reports that lie there, and how many of them have been told. */
  #taken = 0;
  #told = 0;
  readonly #slabs: ArrayBufferLike[] = [];
  #closed = false;

  /** For a client that is not connected yet; null where it is not one of the addon's. */
  static open(native: object): BatchCall | null {
    return 'takePlacedReports' in native ? new BatchCall(native as NativeBatches) : null;
  }

  private constructor(native: NativeBatches) {
    this.#native = native;
    this.#outlet = native.openBatches();
  }

  /** Hands messages over in order and tells each one's code. Behind one that is not taken, none of its topic is tried. */
  produce(messages: readonly Handed[]): void {
    const stopped = new Set<string>();
    for (let first = 0; first < messages.length; first += PER_CALL)
      this.#call(messages.slice(first, first + PER_CALL), stopped);
  }

  /**
   * Gives the reports that have come, each once, in order; those of acknowledged messages with the partition and offset at
   * which they lie (below 0 where it is not known). What it tells may ask for more before it returns, as a breaker that
   * closes hands over what waited: that call goes on with the next report, so that nothing is handed over before all of
   * them are known.
   * @returns how many
   */
  takeReports(report: ToldReport): number {
    let sum = this.#tell(report);
    for (let full = true; full && !this.#closed; ) {
      this.#taken = this.#native.takePlacedReports(this.#outlet, this.#reports);
      this.#told = 0;
      full = this.#taken === REPORTS;
      sum += this.#tell(report);
    }
    return sum;
  }

  errorWords(code: number): string {
    return this.#native.errorWords(this.#outlet, code);
  }

  /** Before the client disconnects. */
  close(): void {
    this.#closed = true;
    this.#native.closeBatches(this.#outlet);
  }

  /** When it has. */
  free(): void {
    this.#native.freeBatches(this.#outlet);
  }

  /** Counted before it is told: whoever asks for more meanwhile, or fails, has had it. */
  #tell(report: ToldReport): number {
    const reports = this.#reports;
    let sum = 0;
    while (this.#told < this.#taken) {
      const at = REPORT_FIELDS * this.#told++;
      const offset = (reports[at + 3] as number) * HALF + ((reports[at + 4] as number) >>> 0);
      report(reports[at] as number, reports[at + 1] as number, reports[at + 2] as number, offset);
      sum++;
    }
    return sum;
  }

  #call(messages: readonly Handed[], stopped: Set<string>): void {
    const tried =
      stopped.size === 0 ? messages : messages.filter(({ message }) => !stopped.has(message.topic));
    if (tried.length < messages.length)
      for (const one of messages) if (stopped.has(one.message.topic)) one.code = NOT_TRIED;
    this.#makeRoom(tried.length);
    this.#describe(tried);
    const taken = this.#native.produceBatch(this.#outlet, this.#descriptors, tried.length, this.#slabs);
    this.#slabs.length = 0;
    for (let i = 0; i < tried.length; i++) {
      const one = tried[i] as Handed;
      one.code = taken === tried.length ? 0 : (this.#descriptors[i * FIELDS + CODE] as number);
      if (one.code !== 0) stopped.add(one.message.topic);
    }
  }

  #makeRoom(count: number): void {
    if (this.#keys.size + count > MAX_KEYS) {
      this.#keys.clear();
      this.#native.forgetKeys(this.#outlet);
    }
    if (this.#headers.size + count > MAX_HEADERS) {
      this.#headers.clear();
      this.#native.forgetHeaders(this.#outlet);
    }
  }

  #describe(messages: readonly Handed[]): void {
    const into = this.#descriptors;
    const slabs = this.#slabs;
    let slab: ArrayBufferLike | null = null;
    // Messages of one stream follow each other.
    let lastTopic: string | null = null;
    let topicNumber = NONE;
    let lastHeaders: readonly Header[] | null = null;
    let headersNumber = NONE;
    let at = 0;
    for (const { message, id } of messages) {
      const { topic, key, headers, value, timestampMs } = message;
      const timeMs = timestampMs ?? 0;
      // Those that were encoded one after the other lie in the same slab.
      if (value.buffer !== slab) {
        slab = value.buffer;
        slabs.push(slab);
      }
      if (topic !== lastTopic) {
        lastTopic = topic;
        topicNumber = this.#topics.get(topic) ?? this.#internTopic(topic);
      }
      if (headers !== lastHeaders) {
        lastHeaders = headers;
        headersNumber =
          headers.length === 0 ? NONE : (this.#headers.get(headers) ?? this.#internHeaders(headers));
      }
      into[at] = topicNumber;
      into[at + 1] = key === null ? NONE : (this.#keys.get(key) ?? this.#internKey(key));
      into[at + 2] = headersNumber;
      into[at + 3] = slabs.length - 1;
      into[at + 4] = value.byteOffset;
      into[at + 5] = value.length;
      into[at + 6] = id;
      into[at + 7] = Math.floor(timeMs / HALF);
      // The array takes the lower 32 bits of a number.
      into[at + 8] = timeMs;
      at += FIELDS;
    }
  }

  #internTopic(topic: string): number {
    const number = this.#native.internTopic(this.#outlet, topic);
    this.#topics.set(topic, number);
    return number;
  }

  #internKey(key: string): number {
    const number = this.#native.internKey(this.#outlet, key);
    this.#keys.set(key, number);
    return number;
  }

  #internHeaders(headers: readonly Header[]): number {
    const number = this.#native.internHeaders(
      this.#outlet,
      headers.flatMap(Object.entries).flat() as string[],
    );
    this.#headers.set(headers, number);
    return number;
  }
}
