import { describe, expect, test } from 'bun:test';
import { EventEmitter } from 'node:events';
import { createLog } from '../../src/common/log.ts';
import type { Kafka } from '../../src/infra/kafka/addon/load.ts';
import { BREAKER_DEFAULTS } from '../../src/infra/kafka/client/breaker.ts';
import { BrokerLink, type LinkParts } from '../../src/infra/kafka/client/broker-link.ts';
import type { Outgoing } from '../../src/infra/kafka/produce/outgoing.ts';
import { ManualClock, settle } from './manual-clock.ts';

/** A broker in librdkafka's statistics. */
const BROKER = {
  nodeid: 1,
  source: 'learned',
  state: 'UP',
  rxidle: 1_000,
  throttle: { avg: 0 },
};
const INTERNAL = { ...BROKER, nodeid: -1, source: 'internal', rxidle: -1 };

/** A client that does what the test says: broker errors that no broker can be made to give on demand. */
class ScriptedClient extends EventEmitter {
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

async function connected(repairTopics?: LinkParts['repairTopics']) {
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
      const { link, send, fates, client, clock, lines } = await connected();
      send('a', 'b', 'c');
      const old = client();
      const [first] = old.produced;
      old.emit('delivery-report', null, { opaque: first?.id });
      if (how === 'report')
        old.emit('delivery-report', { code: -150, message: 'fatal' }, { opaque: old.produced[1]?.id });
      else old.emit('event.error', new Error('Local: Fatal error'));
      send('d');
      // Requests that are with a broker still end in reports: none of them is sent twice.
      old.statistics(1);
      await clock.advance(1_000);
      expect(ScriptedClient.made.at(-1) === old).toBe(true);
      old.emit('delivery-report', null, { opaque: old.produced[how === 'report' ? 2 : 1]?.id });
      old.statistics(0);
      await clock.advance(100);
      const next = client();
      expect(next === old).toBe(false);
      expect(old.disconnected).toBe(true);
      expect(texts(next)).toBe(how === 'report' ? 'bd' : 'cd');
      expect(lines.join()).not.toContain('twice');
      old.report(0);
      expect(fates.size).toBe(2);
      next.report(0);
      expect([...fates.values()]).toEqual(['delivered', 'delivered', 'delivered', 'delivered']);
      expect(link.renewed).toBe(1);
      await link.close();
    });

  test('while no broker answers the next one is tried for until one does', async () => {
    const { link, send, client, clock, fates, lines } = await connected();
    send('a');
    ScriptedClient.answers = false;
    client().emit('event.error', new Error('Local: Fatal error'));
    expect(link.troubles()).toEqual(['the producer is being replaced: Local: Fatal error']);
    await clock.advance(14_000);
    expect(ScriptedClient.made).toHaveLength(1);
    await clock.advance(11_000);
    expect(texts(client())).toBe('');
    // What became of the message is not known after all.
    expect(lines.join()).toContain('may appear twice');
    ScriptedClient.answers = true;
    await clock.advance(3_000);
    expect(link.troubles().join()).not.toContain('replaced');
    expect(texts(client())).toBe('a');
    client().report(0);
    expect(fates.get('a')).toBe('delivered');
    await link.close();
  });

  test('that has lost every address, which the statistics tell, is replaced; one that is away is not', async () => {
    const { link, send, client, clock, lines } = await connected();
    send('a');
    const old = client();
    for (let i = 0; i < 5; i++) old.brokers(INTERNAL, { ...BROKER, state: 'DOWN' });
    old.brokers(INTERNAL);
    old.brokers({ ...BROKER, nodeid: -1, source: 'configured', state: 'TRY_CONNECT', rxidle: -1 });
    old.brokers(INTERNAL);
    await clock.advance(100);
    expect(link.renewed).toBe(0);
    old.brokers(INTERNAL);
    await clock.advance(100);
    expect(link.renewed).toBe(1);
    expect(client() === old).toBe(false);
    expect(texts(client())).toBe('a');
    expect(lines.join()).toContain('may appear twice');
    await link.close();
  });

  test('a cause that lasts does not replace producers without end', async () => {
    const { link, client, clock } = await connected();
    for (let second = 0; second < 120; second++) {
      client().emit('event.error', new Error('Local: Fatal error'));
      await clock.advance(1_000);
    }
    expect(link.renewed).toBeLessThan(12);
    expect(link.renewed).toBeGreaterThan(4);
    await link.close();
  });
});

describe('a topic that is refused', () => {
  test('its messages wait, in its words, and no living producer is asked for them twice', async () => {
    const { link, send, client, clock, fates } = await connected();
    send('a', 'b');
    client().report(29, 'Broker: Topic authorization failed');
    expect(link.troubles()).toEqual([
      't is refused: Broker: Topic authorization failed (29); 2 messages wait and are tried again',
    ]);
    send('c');
    await clock.advance(600);
    expect(texts(client())).toBe('a');
    await clock.advance(60_000);
    expect(texts(client())).toBe('a');
    client().report(0);
    await clock.advance(10);
    expect(texts(client())).toBe('bc');
    client().report(0);
    expect([...fates.values()]).toEqual(['delivered', 'delivered', 'delivered']);
    expect(link.troubles()).toEqual([]);
    expect(link.renewed).toBe(0);
    await link.close();
  });

  test('a missing one is made anew where that is allowed; what else is under way is left alone', async () => {
    const repairs: (() => void)[] = [];
    const { link, send, client, clock, fates } = await connected(
      () => new Promise<void>((resolve) => void repairs.push(resolve)),
    );
    send('a', 'b');
    const [a] = client().produced;
    client().produced.splice(0, 1);
    client().emit('delivery-report', { code: 3, message: 'Broker: Unknown topic' }, { opaque: a?.id });
    await clock.advance(4_000);
    expect(repairs).toHaveLength(1);
    expect(texts(client())).toBe('b');
    client().report(0);
    await clock.advance(10);
    expect(texts(client())).toBe('a');
    client().report(3);
    repairs[0]?.();
    await clock.advance(10);
    expect(texts(client())).toBe('a');
    client().report(0);
    expect([...fates.values()]).toEqual(['delivered', 'delivered']);
    await link.close();
  });

  test('the client is asked for news of it, since it looks for none by itself', async () => {
    const { link, send, client, clock } = await connected();
    await clock.advance(10_000);
    expect(client().asked).toBe(0);
    send('a');
    client().report(29);
    await clock.advance(10_000);
    expect(client().asked).toBeGreaterThanOrEqual(9);
    await link.close();
  });
});

describe('the watch', () => {
  test('a connection that an idle broker closes is no alarm, however often', async () => {
    const { link, client, clock, states } = await connected();
    for (let i = 0; i < 20; i++) {
      client().emit('event.error', new Error('1/1 brokers are down: all broker connections are down'));
      expect(link.troubles()).toEqual([]);
      await clock.advance(10_000);
    }
    expect(states).toEqual([]);
    await link.close();
  });

  test('a topic that does not acknowledge makes it unusable, though others do, and is not forgiven too soon', async () => {
    const { link, client, clock, fates, states } = await connected();
    link.queue.send({ ...letter('stuck', fates), topic: 'stuck' });
    const [stuck] = client().produced.splice(0);
    const flow = async (seconds: number) => {
      for (let i = 0; i < seconds; i++) {
        link.queue.send(letter(`${clock.now()}`, fates));
        client().report(0);
        await clock.advance(1_000);
      }
    };
    await flow(14);
    expect(link.troubles()).toEqual([]);
    await flow(3);
    expect(link.troubles()).toEqual(['stuck: of 1 messages the oldest waits 17 s for its acknowledgement']);
    expect(states).toEqual([]);
    client().emit('delivery-report', null, { opaque: stuck?.id });
    expect(link.troubles()).toEqual([]);
    await link.close();
  });

  test('while acknowledgements come, however slowly, the breaker stays closed', async () => {
    const { link, client, clock, states, send } = await connected();
    for (let i = 0; i < 40; i++) {
      send(`${i}`);
      await clock.advance(3_000);
      const [oldest] = client().produced.splice(0, client().produced.length > 2 ? 1 : 0);
      if (oldest) client().emit('delivery-report', null, { opaque: oldest.id });
    }
    expect(states).toEqual([]);
    await link.close();
  });

  test('errors told many times a second are one log line and, from the fifth, an open breaker', async () => {
    const { link, client, states, lines, send, clock } = await connected();
    ScriptedClient.answers = false;
    for (let i = 0; i < 40; i++) client().emit('event.error', new Error('all broker connections are down'));
    expect(states).toEqual(['open']);
    expect(lines.length).toBe(2);
    send('a');
    expect(texts(client())).toBe('');
    await clock.advance(5_000);
    // A message is the probe; that a broker answers questions proves nothing.
    expect(states).toEqual(['open', 'half_open']);
    expect(texts(client())).toBe('a');
    ScriptedClient.answers = true;
    send('b', 'c', 'd', 'e');
    await clock.advance(5_000);
    expect(states).toEqual(['open', 'half_open']);
    expect(texts(client())).toBe('abc');
    expect(link.troubles()).toEqual([
      'the circuit breaker is half open: nothing is under way, probes go out',
    ]);
    client().report(0);
    await clock.advance(10);
    expect(texts(client())).toBe('de');
    client().report(0);
    expect(states).toEqual(['open', 'half_open', 'closed']);
    expect(link.troubles()).toEqual([]);
    await link.close();
    expect(clock.pending).toBe(0);
  });

  test('thawed, it is well with the first acknowledgement where nothing else waited', async () => {
    const { link, client, send, clock, states } = await connected();
    send('a');
    await clock.advance(16_000);
    expect(states).toEqual(['open']);
    client().report(0);
    expect(states).toEqual(['open', 'half_open']);
    expect(link.troubles()).toEqual([]);
    await clock.advance(100);
    send('b');
    expect(link.troubles()).toEqual([]);
    client().report(0);
    expect(states).toEqual(['open', 'half_open', 'closed']);
    await link.close();
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

  test('a flush ends when everything is acknowledged, and not before', async () => {
    const { link, send, client, clock } = await connected();
    send('a', 'b');
    let flushed = false;
    const end = link.flush(60_000).then((left) => {
      flushed = true;
      return left;
    });
    await clock.advance(5_000);
    expect(flushed).toBe(false);
    const [a] = client().produced.splice(0, 1);
    client().emit('delivery-report', null, { opaque: a?.id });
    await clock.advance(5_000);
    expect(flushed).toBe(false);
    client().report(0);
    await clock.advance(300);
    expect(flushed).toBe(true);
    expect(await end).toEqual([]);
    await link.close();
  });

  test('rows that a topic does not take by the stop are given up while what is said about them can still go', async () => {
    const { link, send, fates, client, clock } = await connected();
    send('a', 'b');
    client().report(29);
    const flushed = link.flush(10_000, 1_000, () =>
      link.queue.send({ ...letter('gap', fates), topic: 'ws.event', rows: 0 }),
    );
    await clock.advance(8_900);
    client().report(29);
    expect(fates.size).toBe(0);
    await clock.advance(200);
    expect(fates.get('a')).toBe('undelivered');
    expect(texts(client())).toEndWith('gap');
    client().report(0);
    await clock.advance(10);
    expect((await flushed).map(({ key }) => key)).toEqual(['a', 'b']);
    expect(fates.get('gap')).toBe('delivered');
    await link.close();
  });

  test('a client that never comes back from its end does not hold the stop', async () => {
    const { link, client, clock } = await connected();
    client().disconnect = () => {};
    let closed = false;
    void link.close().then(() => {
      closed = true;
    });
    await clock.advance(2_000);
    expect(closed).toBe(true);
  });

  test('neither does a topic that is being made', async () => {
    let stopped: () => boolean = () => false;
    const { link, send, client, clock } = await connected((_producer, asked) => {
      stopped = asked;
      return new Promise(() => {});
    });
    send('a');
    client().report(3);
    const flushed = link.flush(1_000);
    await clock.advance(1_000);
    expect(await flushed).toHaveLength(1);
    let closed = false;
    void link.close().then(() => {
      closed = true;
    });
    expect(stopped()).toBe(true);
    await clock.advance(2_000);
    expect(closed).toBe(true);
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
