import { describe, expect, test } from 'bun:test';
import { EventEmitter } from 'node:events';
import { createLog } from '../../src/common/log.ts';
import type { Kafka } from '../../src/infra/kafka/addon/load.ts';
import { BREAKER_DEFAULTS } from '../../src/infra/kafka/breaker.ts';
import { BrokerLink } from '../../src/infra/kafka/broker-link.ts';
import type { Outgoing } from '../../src/infra/kafka/send-queue.ts';
import { ManualClock, settle } from './manual-clock.ts';

/** A client that does what the test says: broker errors that no broker can be made to give on demand. */
class ScriptedClient extends EventEmitter {
  static made: ScriptedClient[] = [];
  static answers = true;
  readonly produced: { text: string; id: number }[] = [];
  disconnected = false;

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
  report(code: number): void {
    for (const { id } of this.produced.splice(0))
      this.emit('delivery-report', code === 0 ? null : { code, message: '' }, { opaque: id });
  }
}

async function connected() {
  ScriptedClient.made = [];
  ScriptedClient.answers = true;
  const clock = new ManualClock();
  const states: string[] = [];
  const lines: string[] = [];
  const link = new BrokerLink({
    kafka: { Producer: ScriptedClient } as unknown as Kafka,
    options: {},
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

function letter(text: string, fates: Map<string, string>): Outgoing {
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

const texts = (client: ScriptedClient) => client.produced.map(({ text }) => text).join('');

describe('a producer that cannot go on', () => {
  for (const how of ['report', 'event'] as const)
    test(`is replaced, told by ${how}: what was under way goes out again in order, each told once`, async () => {
      const { link, send, fates, client, clock } = await connected();
      send('a', 'b', 'c');
      const old = client();
      const [first] = old.produced;
      old.emit('delivery-report', null, { opaque: first?.id });
      if (how === 'report')
        old.emit('delivery-report', { code: -150, message: 'fatal' }, { opaque: old.produced[1]?.id });
      else old.emit('event.error', new Error('Local: Fatal error'));
      send('d');
      await clock.advance(10);
      const next = client();
      expect(next).not.toBe(old);
      expect(old.disconnected).toBe(true);
      expect(texts(next)).toBe('bcd');
      old.report(0);
      expect([...fates.keys()]).toEqual(['a']);
      next.report(0);
      expect([...fates.values()]).toEqual(['delivered', 'delivered', 'delivered', 'delivered']);
      expect(link.renewed).toBe(1);
      await link.close();
    });

  test('while no broker answers the next one is tried for until one does', async () => {
    const { link, send, client, clock, fates } = await connected();
    send('a');
    ScriptedClient.answers = false;
    client().emit('event.error', new Error('Local: Fatal error'));
    await clock.advance(10_000);
    expect(texts(client())).toBe('');
    ScriptedClient.answers = true;
    await clock.advance(3_000);
    expect(texts(client())).toBe('a');
    client().report(0);
    expect(fates.get('a')).toBe('delivered');
    await link.close();
  });
});

describe('the watch', () => {
  test('errors told many times a second are one log line and, from the fifth, an open breaker', async () => {
    const { link, client, states, lines, send, clock } = await connected();
    ScriptedClient.answers = false;
    for (let i = 0; i < 40; i++) client().emit('event.error', new Error('all broker connections are down'));
    expect(states).toEqual(['open']);
    expect(lines.length).toBe(2);
    send('a');
    await clock.advance(5_000);
    expect(texts(client())).toBe('');
    ScriptedClient.answers = true;
    await clock.advance(2_000);
    expect(states).toEqual(['open', 'half_open', 'closed']);
    expect(texts(client())).toBe('a');
    await link.close();
    expect(clock.pending).toBe(0);
  });

  test('an error of one broker of several opens nothing', async () => {
    const { link, client, states } = await connected();
    for (let i = 0; i < 40; i++) client().emit('event.error', new Error('broker transport failure'));
    expect(states).toEqual([]);
    await link.close();
  });

  test('acknowledgements that do not come open it, though no error is told', async () => {
    const { link, send, states, clock } = await connected();
    send('a');
    await clock.advance(11_000);
    expect(states).toEqual([]);
    ScriptedClient.answers = false;
    await clock.advance(5_000);
    expect(states).toEqual(['open']);
    await link.close();
  });

  test('what is left at the flush deadline is told undelivered, and what comes later too', async () => {
    const { link, send, fates, clock } = await connected();
    send('a', 'b');
    const flushed = link.flush(2_000);
    await clock.advance(2_000);
    expect((await flushed).map(({ key }) => key)).toEqual(['a', 'b']);
    send('c');
    await link.close();
    await settle();
    expect([...fates]).toEqual([
      ['a', 'undelivered'],
      ['b', 'undelivered'],
      ['c', 'undelivered'],
    ]);
  });
});
