import { EventEmitter } from 'node:events';
import { createLog } from '../../src/common/log.ts';
import type { Kafka } from '../../src/infra/kafka/addon/load.ts';
import { BREAKER_DEFAULTS } from '../../src/infra/kafka/client/breaker.ts';
import { BrokerLink, type LinkParts } from '../../src/infra/kafka/client/broker-link.ts';
import type { Outgoing } from '../../src/infra/kafka/produce/outgoing.ts';
import { ManualClock } from './manual-clock.ts';

/** A broker in librdkafka's statistics. */
export const BROKER = {
  nodeid: 1,
  source: 'learned',
  state: 'UP',
  rxidle: 1_000,
  throttle: { avg: 0 },
};
export const INTERNAL = { ...BROKER, nodeid: -1, source: 'internal', rxidle: -1 };

/** A client that does what the test says: broker errors that no broker can be made to give on demand. */
export class ScriptedClient extends EventEmitter {
  static made: ScriptedClient[] = [];
  static answers = true;
  readonly produced: { text: string; id: number }[] = [];
  disconnected = false;
  /** Questions about the cluster. */
  asked = 0;

  constructor() {
    super();
    ScriptedClient.made.push(this);
  }
  connect(_options: object, done: (error: Error | null, data: object) => void): void {
    if (ScriptedClient.answers) done(null, { brokers: [], topics: [] });
    else done(new Error('no broker'), {});
  }
  getClient() {
    return {
      produce: (_topic: string, _partition: number, value: Buffer, _key: string, _time: null, id: number) => {
        this.produced.push({ text: value.toString(), id });
        return 0;
      },
    };
  }
  setPollInBackground(): void {}
  getMetadata(_options: object, done: (error: Error | null, data: object) => void): void {
    this.asked++;
    if (ScriptedClient.answers) done(null, { brokers: [], topics: [] });
    else done(new Error('no broker'), {});
  }
  flush(_ms: number, done: () => void): void {
    done();
  }
  disconnect(_ms: number, done: () => void): void {
    this.disconnected = true;
    done();
  }
  /** Delivery reports of everything produced so far. */
  report(code: number, message = ''): void {
    for (const { id } of this.produced.splice(0))
      this.emit('delivery-report', code === 0 ? null : { code, message }, { opaque: id });
  }
  /** Statistics that say how many messages are in requests. */
  statistics(inRequests: number): void {
    const partition = { partition: 0, msgq_cnt: 1, xmit_msgq_cnt: 0, msgs_inflight: inRequests };
    const topics = { t: { topic: 't', partitions: { 0: partition } } };
    this.emit('event.stats', { message: JSON.stringify({ brokers: { b: BROKER }, topics }) });
  }
  /** Statistics of a client that knows these brokers. */
  brokers(...brokers: object[]): void {
    this.emit('event.stats', { message: JSON.stringify({ brokers: { ...brokers }, topics: {} }) });
  }
}

export async function connected(repairTopics?: LinkParts['repairTopics']) {
  ScriptedClient.made = [];
  ScriptedClient.answers = true;
  const clock = new ManualClock();
  const states: string[] = [];
  const lines: string[] = [];
  const link = new BrokerLink({
    kafka: { Producer: ScriptedClient, CODES: { ERRORS: {} } } as unknown as Kafka,
    options: {},
    ...(repairTopics ? { repairTopics } : {}),
    breaker: BREAKER_DEFAULTS,
    clock,
    log: createLog('warn', false, { write: (line: string) => void lines.push(line) }),
    onBreaker: (state) => states.push(state),
  });
  await link.connect(1_000);
  const fates = new Map<string, string>();
  const send = (...texts: string[]) => {
    for (const text of texts) link.queue.send(letter(text, fates));
  };
  const client = (): ScriptedClient => ScriptedClient.made.at(-1) ?? new ScriptedClient();
  return { clock, link, states, lines, send, fates, client };
}

export function letter(text: string, fates: Map<string, string>): Outgoing {
  const end = (fate: string) => void fates.set(text, (fates.get(text) ?? '') + fate);
  return {
    topic: 't',
    key: text,
    value: Buffer.from(text),
    headers: [],
    rows: 1,
    delivered: () => end('delivered'),
    refused: () => end('refused'),
    undelivered: () => end('undelivered'),
    split: () => null,
  };
}

export const texts = (client: ScriptedClient) => client.produced.map(({ text }) => text).join('');
