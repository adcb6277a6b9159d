import { BREAKER_DEFAULTS, Breaker } from '../../src/infra/kafka/client/breaker.ts';
import type { Outgoing } from '../../src/infra/kafka/produce/outgoing.ts';
import { SendQueue } from '../../src/infra/kafka/produce/send-queue.ts';
import { ManualClock } from './manual-clock.ts';

/** A message that knows what became of it. */
export class Letter implements Outgoing {
  readonly topic: string;
  readonly key: string;
  readonly headers = [];
  readonly rows: number;
  readonly value: Buffer;
  fate = '';
  readonly text: string;

  constructor(text: string, topic = 't', key = text) {
    this.topic = topic;
    this.key = key;
    this.text = text;
    this.rows = text.length;
    this.value = Buffer.from(text);
  }

  delivered(): void {
    this.fate += 'delivered';
  }
  refused(code: number): void {
    this.fate += `refused ${code}`;
  }
  undelivered(): void {
    this.fate += 'undelivered';
  }
  split(): Letter[] | null {
    const middle = this.text.length >> 1;
    return middle === 0
      ? null
      : [this.text.slice(0, middle), this.text.slice(middle)].map(
          (half) => new Letter(half, this.topic, this.key),
        );
  }
}

/** A queue over a producer that takes everything and whose reports the test gives. */
export function desk(answer: (text: string) => number = () => 0) {
  const clock = new ManualClock();
  const handed: { text: string; id: number }[] = [];
  const troubles: string[] = [];
  const delivered: string[] = [];
  const breaker = new Breaker(BREAKER_DEFAULTS, clock, () => queue.pump());
  const queue: SendQueue = new SendQueue(
    (message, id) => {
      const text = message.value.toString();
      const code = answer(text);
      if (code === 0) handed.push({ text, id });
      return code;
    },
    breaker,
    clock,
    (verdict, code, topic, words) => void troubles.push(`${verdict} ${code} ${topic} ${words}`),
  );
  const texts = () => handed.map(({ text }) => text).join(' ');
  /** Reports everything handed over so far and not yet reported. */
  const report = (code: number) => {
    for (const { id, text } of handed.splice(0)) {
      if (code === 0) delivered.push(text);
      queue.report(id, code);
    }
  };
  return { clock, queue, breaker, handed, texts, report, troubles, delivered };
}

export function open(breaker: Breaker): void {
  for (let i = 0; i < BREAKER_DEFAULTS.failureThreshold; i++) breaker.failure('down');
}
