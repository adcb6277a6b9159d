import { describe, expect, test } from 'bun:test';
import { connected, letter, ScriptedClient, texts } from './broker-link-parts.ts';
import { settle } from './manual-clock.ts';

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
