import type { Cancel, Clock } from '../../common/clock.ts';
import { isoMicros } from '../../common/iso-time.ts';
import type { Log } from '../../common/log.ts';
import { type ByteBudget, RESUME_AT } from '../../core/pipeline/budget.ts';
import { FIRST_STOP_AT } from '../../core/pipeline/weights.ts';
import type { Message } from '../../core/ports.ts';
import type { RunningStream } from '../streams/stream.ts';

const LOOK_MS = 100;
const REPORT_MS = 30_000;

/** One queue of the data's way: what a stream holds of the byte budget, or all streams together. Bytes. */
interface Queue {
  /** `upbit/korea/ticker`, or `writer` for all. */
  readonly name: string;
  readonly type: 'stream' | 'writer';
  readonly size: number;
  readonly max: number;
  readonly high: number;
  readonly low: number;
  readonly throttled: boolean;
  /** How often it has been throttled, so that a short time between two looks is not missed. */
  readonly times: number;
}

export interface BackpressureDeps {
  readonly clock: Clock;
  readonly budget: ByteBudget;
  readonly log: Log;
  streams(): RunningStream[];
  /** Hands a message to the publisher; must not fail. */
  publish(message: Message): void;
}

/** `ws.backpressure.events`: when a queue passes its marks, and how full each is every 30 s. */
export class Backpressure {
  readonly #deps: BackpressureDeps;
  readonly #seen = new Map<string, Queue>();
  #writerThrottled = false;
  #writerTimes = 0;
  #reportedMs: number;
  #cancel: Cancel = () => {};

  constructor(deps: BackpressureDeps) {
    this.#deps = deps;
    this.#reportedMs = deps.clock.now();
  }

  start(): void {
    this.#cancel = this.#deps.clock.after(LOOK_MS, () => {
      this.#look();
      this.start();
    });
  }

  stop(): void {
    this.#cancel();
  }

  #look(): void {
    const queues = [this.#writer(), ...this.#deps.streams().map(streamQueue)];
    for (const queue of queues) this.#compare(queue);
    const names = new Set(queues.map(({ name }) => name));
    for (const [name, queue] of this.#seen) {
      if (names.has(name)) continue;
      this.#seen.delete(name);
      if (queue.throttled) this.#tell('backpressure_deactivated', { ...queue, size: 0, throttled: false });
    }
    const nowMs = this.#deps.clock.now();
    if (nowMs - this.#reportedMs < REPORT_MS) return;
    this.#reportedMs = nowMs;
    for (const queue of queues) this.#tell('queue_status_report', queue);
  }

  #compare(queue: Queue): void {
    const before = this.#seen.get(queue.name);
    this.#seen.set(queue.name, queue);
    const wasThrottled = before?.throttled ?? false;
    const again = queue.times > (before?.times ?? 0);
    if (wasThrottled && (again || !queue.throttled)) this.#tell('backpressure_deactivated', queue);
    if (again) this.#tell('backpressure_activated', queue);
    if (again && !queue.throttled) this.#tell('backpressure_deactivated', queue);
  }

  #writer(): Queue {
    const { used, total } = this.#deps.budget;
    const high = FIRST_STOP_AT * total;
    const low = high * RESUME_AT;
    if (!this.#writerThrottled && used > high) {
      this.#writerThrottled = true;
      this.#writerTimes++;
    } else if (this.#writerThrottled && used <= low) this.#writerThrottled = false;
    const marks = { high, low, throttled: this.#writerThrottled, times: this.#writerTimes };
    return { name: 'writer', type: 'writer', size: used, max: total, ...marks };
  }

  #tell(action: string, { name, type, size, max, high, low, throttled }: Queue): void {
    const { clock, publish, log } = this.#deps;
    const usage = Math.round((size / max) * 1000) / 10;
    if (action === 'backpressure_activated') {
      log.warn(
        { phase: 'backpressure', producer_name: name, queue_size: size, usage_percent: usage },
        action,
      );
    }
    publish({
      family: 'ws.backpressure.events',
      region: null,
      key: name,
      correlationId: null,
      value: {
        ticket_id: crypto.randomUUID(),
        timestamp_utc: isoMicros(clock.micros()),
        action,
        producer_name: name,
        producer_type: type,
        status: {
          ticket_id: crypto.randomUUID(),
          queue_size: size,
          queue_max_size: max,
          usage_percent: usage,
          is_throttled: throttled,
          high_watermark: Math.round(high),
          low_watermark: Math.round(low),
        },
        message: `${name} ${action}`,
      },
    });
  }
}

function streamQueue(stream: RunningStream): Queue {
  const { exchange, region, request_type } = stream.target;
  return {
    name: `${exchange}/${region}/${request_type}`,
    type: 'stream',
    size: stream.queuedBytes,
    max: stream.shareBytes,
    high: stream.shareBytes,
    low: stream.shareBytes * RESUME_AT,
    throttled: stream.paused,
    times: stream.stats.pauses,
  };
}
