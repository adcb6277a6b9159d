import { describe, expect, test } from 'bun:test';
import { settle } from './manual-clock.ts';
import { desk, Letter, open } from './send-queue-parts.ts';

const TOO_LARGE = 10;
const QUEUE_FULL = -184;
const NOT_ALLOWED = 29;
const FATAL = -150;
const BAD_NEIGHBOUR = -138;
const INVALID = 2;

describe('order', () => {
  test('what comes back takes its old place before what waits', async () => {
    const { queue, breaker, handed, texts, report } = desk();
    for (const text of ['a', 'b', 'c']) queue.send(new Letter(text));
    open(breaker);
    for (const text of ['d', 'e']) queue.send(new Letter(text));
    const [a, b, c] = handed.splice(0);
    queue.report(c?.id ?? -1, -192);
    queue.report(a?.id ?? -1, -192);
    queue.report(b?.id ?? -1, -192);
    breaker.success();
    breaker.success();
    await settle();
    expect(texts()).toBe('a');
    report(0);
    await settle();
    expect(texts()).toBe('b c d e');
    report(0);
    expect(queue.delivered).toBe(5);
  });

  test('a long wait goes out in order, a few hundred a turn', async () => {
    const { queue, breaker, handed } = desk();
    open(breaker);
    for (let i = 0; i < 3_000; i++) queue.send(new Letter(`${i}`));
    breaker.success();
    breaker.success();
    expect(handed.length).toBeLessThan(1_000);
    queue.send(new Letter('3000'));
    for (let i = 0; i < 20; i++) await settle();
    expect(handed.map(({ text }) => Number(text))).toEqual(Array.from({ length: 3_001 }, (_, i) => i));
    expect(queue.waitingBytes).toBe(0);
  });

  test('a full client is asked again a little later, and nothing overtakes', async () => {
    let full = true;
    const { queue, clock, texts } = desk(() => (full ? QUEUE_FULL : 0));
    for (const text of ['a', 'b']) queue.send(new Letter(text));
    await clock.advance(1_000);
    expect(texts()).toBe('');
    full = false;
    await clock.advance(200);
    expect(texts()).toBe('a b');
  });
});

describe('messages that are not taken', () => {
  test('a request too large becomes smaller ones; a message too large alone becomes halves, in its place', async () => {
    const { queue, handed, report, delivered } = desk();
    for (const text of ['aaaa', 'b', 'c', 'dd']) queue.send(new Letter(text));
    let requests = 0;
    for (; handed.length > 0; requests++) {
      const bytes = handed.reduce((sum, { text }) => sum + text.length, 0);
      report(bytes > 2 ? TOO_LARGE : 0);
      if (requests === 0) queue.send(new Letter('ee'));
      await settle();
    }
    expect(delivered).toEqual(['aa', 'aa', 'b', 'c', 'dd', 'ee']);
    expect(requests).toBeLessThan(30);
    expect(queue.delivered).toBe(6);
  });

  test('bad in company: alone, and those who are not bad go on; the bad one waits in its place', async () => {
    const { queue, clock, texts, report, delivered } = desk();
    for (const text of ['a', 'b', 'c']) queue.send(new Letter(text));
    report(BAD_NEIGHBOUR);
    queue.send(new Letter('d'));
    queue.send(new Letter('e'));
    await settle();
    expect(texts()).toBe('a');
    report(0);
    await settle();
    expect(texts()).toBe('b');
    report(INVALID);
    await settle();
    expect(texts()).toBe('');
    await clock.advance(500);
    expect(texts()).toBe('b');
    report(0);
    await settle();
    expect(texts()).toBe('c');
    report(0);
    await settle();
    expect(texts()).toBe('d e');
    report(0);
    expect(delivered).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  test('too large for the client itself: halves at once, down to what cannot be halved', async () => {
    const { queue, texts, report, delivered } = desk((text) =>
      text.length > 2 || text.includes('X') ? TOO_LARGE : 0,
    );
    const single = new Letter('X');
    queue.send(new Letter('abcde'));
    queue.send(single);
    queue.send(new Letter('f'));
    await settle();
    expect(texts()).toBe('ab f');
    for (let i = 0; i < 5; i++) {
      report(0);
      await settle();
    }
    expect(delivered.join(' ')).toBe('ab f c de');
    expect(single.fate).toBe(`refused ${TOO_LARGE}`);
  });

  test('halves keep their order, whatever comes back in between', async () => {
    for (const broken of [0, 1, 2, 3]) {
      const { queue, handed, delivered } = desk((text) => (text.length > 2 ? TOO_LARGE : 0));
      queue.send(new Letter('aabbccdd', 't', 'k'));
      queue.send(new Letter('ee', 't', 'k'));
      for (let sent = 0; delivered.length < 5 && sent < 50; ) {
        await settle();
        for (const { id, text } of handed.splice(0)) {
          const back = sent++ === broken;
          if (!back) delivered.push(text);
          queue.report(id, back ? -192 : 0);
        }
      }
      expect(delivered.join(' ')).toBe('aa bb cc dd ee');
    }
  });

  test('a half that comes back goes before its other half', async () => {
    const { queue, handed, texts } = desk((text) => (text.length > 2 ? TOO_LARGE : 0));
    queue.send(new Letter('aabb'));
    await settle();
    const [first] = handed.splice(0);
    queue.report(first?.id ?? -1, -192);
    await settle();
    expect(texts()).toBe('aa');
  });

  test('what came back is not overtaken by its own key, and other keys go beside it', async () => {
    const { queue, handed, texts, report } = desk();
    for (const key of ['x', 'y']) queue.send(new Letter(`${key}1`, 't', key));
    for (const { id } of handed.splice(0)) queue.report(id, -192);
    for (const key of ['x', 'y']) queue.send(new Letter(`${key}2`, 't', key));
    await settle();
    expect(texts()).toBe('x1');
    report(0);
    await settle();
    expect(texts()).toBe('y1 x2');
    report(0);
    await settle();
    expect(texts()).toBe('y2');
    report(0);
    for (const text of ['z1', 'z2']) queue.send(new Letter(text, 't', 'z'));
    expect(texts()).toBe('z1 z2');
  });

  test('a busy key does not pace what waited: once one of its messages is through, the others follow together', async () => {
    const { queue, clock, handed, texts, report } = desk();
    queue.send(new Letter('x0', 't', 'x'));
    for (const { id } of handed.splice(0)) queue.report(id, NOT_ALLOWED);
    for (let nth = 1; nth <= 20; nth++) queue.send(new Letter(`x${nth}`, 't', 'x'));
    for (const key of ['y', 'z']) for (const nth of [1, 2]) queue.send(new Letter(`${key}${nth}`, 't', key));
    await clock.advance(500);
    expect(texts()).toBe('x0');
    report(0);
    await settle();
    // Of y and z it is not known yet.
    expect(texts()).toBe(`${Array.from({ length: 20 }, (_, nth) => `x${nth + 1}`).join(' ')} y1 z1`);
    report(0);
    await settle();
    expect(texts()).toBe('y2 z2');
  });

  test('what was sent before something came back proves nothing', async () => {
    const { queue, clock, handed, texts } = desk();
    for (const text of ['x1', 'y1', 'x2']) queue.send(new Letter(text, 't', text.slice(0, 1)));
    const [x1, y1, x2] = handed.splice(0).map(({ id }) => id);
    queue.report(y1 ?? -1, -192);
    queue.report(x1 ?? -1, 0);
    for (const text of ['x3', 'x4']) queue.send(new Letter(text, 't', 'x'));
    await clock.advance(100);
    expect(texts()).toBe('y1');
    queue.report(x2 ?? -1, -192);
    await clock.advance(100);
    expect(texts()).toBe('y1');
  });

  test.each([17, 29, 31, 32, 44, 87, 3, -188, -190])(
    'refused with %i: held in its place, asked again alone, once a second; other topics flow',
    async (code) => {
      const { queue, clock, handed, texts, report, troubles } = desk();
      const letters = ['a', 'b', 'c'].map((text) => new Letter(text));
      for (const letter of letters) queue.send(letter);
      for (const { id } of handed.splice(0)) queue.report(id, code, 'No.');
      queue.send(new Letter('d'));
      queue.send(new Letter('other', 'u'));
      await settle();
      expect(texts()).toBe('other');
      report(0);
      expect(troubles[0]).toBe(`held ${code} t No.`);
      expect(queue.topics()).toMatchObject([
        { topic: 't', messages: 4, oldestAt: 0, refusal: { code, words: 'No.', times: 1 } },
      ]);
      const tries: number[] = [];
      for (let ms = 0; ms < 60_000; ms += 100) {
        await clock.advance(100);
        if (handed.length === 0) continue;
        tries.push(clock.now());
        expect(texts()).toBe('a');
        report(code);
      }
      expect(tries.slice(0, 4)).toEqual([500, 1500, 2500, 3500]);
      expect(tries.length).toBe(60);
      await clock.advance(1_000);
      report(0);
      await settle();
      expect(texts()).toBe('b c d');
      report(0);
      expect(queue.topics()).toEqual([]);
      expect(letters.map(({ fate }) => fate)).toEqual(['delivered', 'delivered', 'delivered']);
    },
  );

  test('refused by the client itself, which has heard it of the broker: the same, and no hot loop', async () => {
    let allowed = false;
    let asked = 0;
    const { queue, clock, texts } = desk((text) =>
      text === 'other' || (++asked && allowed) ? 0 : NOT_ALLOWED,
    );
    for (const text of ['a', 'b']) queue.send(new Letter(text));
    queue.send(new Letter('other', 'u'));
    for (let i = 0; i < 50; i++) await clock.advance(200);
    expect(texts()).toBe('other');
    expect(asked).toBeLessThan(13);
    allowed = true;
    await clock.advance(5_000);
    expect(texts()).toBe('other a');
  });

  test('an answer that asks for another try is followed at once, and once a second where it lasts', async () => {
    const { queue, clock, texts, report } = desk();
    queue.send(new Letter('a'));
    report(-192);
    await settle();
    expect(texts()).toBe('a');
    let tries = 0;
    for (let ms = 0; ms < 30_000; ms += 100) {
      if (texts() !== '') tries++;
      report(-192);
      await clock.advance(100);
    }
    expect(tries).toBeLessThan(33);
  });

  test('what waits can be taken back; what is under way cannot', async () => {
    const { queue, breaker, handed } = desk();
    const sent = queue.send(new Letter('a'));
    open(breaker);
    const [b, c, d] = ['b', 'c', 'd'].map((text) => queue.send(new Letter(text)));
    if (!sent || !b || !c || !d) throw new Error('nothing was queued');
    expect([sent, c, b, c].map((one) => queue.withdraw(one))).toEqual([false, true, true, false]);
    expect([queue.waitingMessages, queue.waitingBytes, handed.length]).toEqual([1, 1, 1]);
    expect(queue.withdraw(d)).toBe(true);
    expect(queue.waitingMessages).toBe(0);
  });

  test('a producer beyond repair: everything under way is sent again by the next one', async () => {
    const { queue, handed, texts, report, troubles } = desk();
    const letters = ['a', 'b', 'c'].map((text) => new Letter(text));
    for (const letter of letters) queue.send(letter);
    queue.report(handed[1]?.id ?? -1, FATAL);
    expect(troubles).toEqual([`fatal ${FATAL} t `]);
    queue.hold();
    queue.takeBack();
    const old = handed.splice(0);
    queue.send(new Letter('d'));
    await settle();
    expect(texts()).toBe('');
    queue.release();
    await settle();
    for (const { id } of old) queue.report(id, 0);
    expect(letters.map((letter) => letter.fate)).toEqual(['', '', '']);
    expect(texts()).toBe('a b c d');
    report(0);
    expect(letters.map((letter) => letter.fate)).toEqual(['delivered', 'delivered', 'delivered']);
  });
});
