import { describe, expect, test } from 'bun:test';
import { BROKER, connected, INTERNAL, ScriptedClient, texts } from './broker-link-parts.ts';

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
