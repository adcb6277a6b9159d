import { describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { StreamFigures } from '../../src/application/metrics/figures.ts';
import { GAP_CAUSES, type StreamState } from '../../src/core/events.ts';
import { snapshot } from '../../src/infra/http/events.ts';
import { PAGE } from '../../src/infra/http/page/page.ts';
import { NOON, UPBIT_TRADES } from './metrics-rig.ts';
import { observed, stream } from './observed.ts';

type Words = Readonly<
  Record<string, string | ((...of: string[]) => string) | Readonly<Record<string, string>>>
>;

const FOLDER = join(import.meta.dir, '..', '..', 'src', 'infra', 'http', 'page');
const source = (file: string) => readFileSync(join(FOLDER, file), 'utf8');

/** The words of the page and what it makes of sentences, without a browser; it speaks Korean. */
const { WORDS, said } = new Function(
  'localStorage',
  'navigator',
  `${source('words.js')}\n${source('said.js')}\nreturn { WORDS, said };`,
)({ getItem: () => null }, { language: 'ko-KR' }) as {
  WORDS: { en: Words; ko: Words };
  said(text: string): string;
};
const kindOf = new Function(`${source('troubles.js')}\nreturn kindOf;`)() as (why: string) => string;

const STATES: Readonly<Record<StreamState, true>> = {
  connecting: true,
  live: true,
  stale: true,
  backoff: true,
  blocked: true,
  stopped: true,
};

/** Paths of all words, with how many values a word takes. */
function keys(words: Words, path = ''): string[] {
  return Object.entries(words).flatMap(([key, word]) => {
    if (typeof word === 'object') return keys(word, `${path}${key}.`);
    return `${path}${key} ${typeof word === 'function' ? word.length : '-'}`;
  });
}

describe('the words of the page', () => {
  test('are the same in both languages, and none is empty', () => {
    expect(keys(WORDS.ko).sort()).toEqual(keys(WORDS.en).sort());
    for (const words of Object.values(WORDS))
      for (const [key, word] of Object.entries(words)) expect([key, word === '']).toEqual([key, false]);
  });

  test('in Korean are Korean', () => {
    const same = Object.entries(WORDS.ko).filter(
      ([key, word]) => typeof word === 'string' && word === WORDS.en[key] && key !== 'percentiles',
    );
    expect(same).toEqual([]);
  });

  test('have one for every state, cause of a gap and type', () => {
    for (const { states, causes, ...words } of Object.values(WORDS)) {
      for (const state of [...Object.keys(STATES), 'paused']) expect(states).toHaveProperty(state);
      for (const cause of GAP_CAUSES) expect(causes).toHaveProperty(cause);
      for (const type of ['ticker', 'trade', 'orderbook']) expect(words).toHaveProperty(type);
    }
  });

  test('are all asked for, and all that is asked for is there', () => {
    const scripts = readdirSync(FOLDER).filter((file) => file.endsWith('.js'));
    const code = scripts.map(source).join('\n');
    const asked = new Set([
      ...Array.from(code.matchAll(/\bwords\.(\w+)/g), ([, key]) => key ?? ''),
      ...Array.from(PAGE.matchAll(/data-(?:word|label|hint)="(\w+)"/g), ([, key]) => key ?? ''),
      // Asked for by what they name: a type, the other colours.
      ...['ticker', 'trade', 'orderbook', 'dark', 'light'],
    ]);
    expect([...asked].filter((key) => !(key in WORDS.en))).toEqual([]);
    expect(Object.keys(WORDS.en).filter((key) => !asked.has(key))).toEqual([]);
  });

  test('are all that the document says by itself', () => {
    const body = PAGE.slice(PAGE.indexOf('<body>')).replace(/<script>.*?<\/script>/gs, '');
    const decoded = (text: string) => text.replaceAll('&lt;', '<');
    const told = Array.from(body.matchAll(/<(\w+)([^>]*)>([^<]*[A-Za-z][^<]*)</g));
    expect(told.length).toBeGreaterThan(20);
    for (const [, tag, attributes = '', text = ''] of told) {
      const [, key = ''] = attributes.match(/data-word="(\w+)"/) ?? [];
      expect([tag, text.trim()]).toEqual([
        tag,
        tag === 'h1' ? 'kor-coin-stream' : decoded(`${WORDS.en[key]}`),
      ]);
    }
    for (const [, key = '', label] of body.matchAll(/data-label="(\w+)" aria-label="([^"]*)"/g))
      expect([key, label]).toEqual([key, `${WORDS.en[key]}`]);
    expect(body.match(/aria-label=/g)?.length).toBe(body.match(/data-label="\w+" aria-label=/g)?.length);
  });

  test('stand in no other script', () => {
    for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.js'))) {
      if (file === 'words.js' || file === 'said.js') continue;
      const code = source(file)
        .replace(/\/\*.*?\*\//gs, '')
        .replace(/\/\/.*$/gm, '');
      const texts = Array.from(code.matchAll(/'((?:[^'\\\n]|\\.)*)'|`([^`]*)`/g), ([, one, two]) =>
        (one ?? two ?? '').replace(/\$\{[^}]*\}/g, ''),
      );
      // Words of a sentence have a blank between them; selectors, markup and file names do not look like that.
      const sentences = texts.filter(
        (text) =>
          /[\uac00-\ud7a3]/.test(text) || (/[A-Za-z]{2,} [A-Za-z]{2,}/.test(text) && !/[<.#[]/.test(text)),
      );
      expect([file, sentences]).toEqual([file, []]);
    }
  });
});

describe('what the collector says, in Korean', () => {
  const SENTENCES = [
    'no stream is live: trade backoff (HTTP 503 on opening); ticker blocked (closed by the exchange: 1001 …)',
    'paused, the byte budget is full',
    'stale (no data)',
    'backoff (cut without a closing frame)',
    'backoff (did not open in time)',
    'backoff (no frame for too long)',
    'backoff (confirmed nothing and sent no data)',
    'backoff (this machine could not open a socket: …)',
    'no data: KRW-BTC (1 of 3)',
    'refused by the exchange: KRW-BTC (1 of 3)',
    'never answered for: KRW-BTC, … (17 of 30)',
    'not received: KRW-BTC (1 of 3)',
    'wanted, and no collector runs it: KRW-BTC (1 of 1)',
    'in no market list any more and still bringing data: KRW-BTC',
    'waits for the state store: …',
    'pinned and not to be had: …; and 3 more',
    '… is not an exchange of this build',
    'readers cannot decode what is written: …: id 3 is not in the registry; …: id 4 is another schema there',
    'cannot be asked: …',
    'the state store cannot be used: no answer',
    'rows wait: oldest 31 s, stream … trade, 3 streams in all',
    'rows wait: oldest 31 s, stream … ticker',
    'messages about the data wait: oldest 16 s',
    'the circuit breaker is open: no broker is connected',
    'the circuit breaker is half open: …',
    'backoff (the circuit breaker of … is open after failures)',
    'backoff (the circuit breaker of … is half_open after failures)',
    'backoff (the circuit breaker of … was opened by command)',
    'backoff (32 sockets are open, the limit)',
    'the producer is being replaced: …',
    '… is refused: …; 120 messages wait and are tried again',
    '…: of 40 messages the oldest waits 23 s for its acknowledgement: partition 1: 1 of 2 replicas in sync',
    '…: of 40 messages the oldest waits 23 s for its acknowledgement: partition 1 has no leader',
    '…: of 4 messages the oldest waits 9 s for its acknowledgement: partition 1: its leader, broker 3, is not connected',
    '…: of 4 messages the oldest waits 9 s for its acknowledgement: broker 1 throttles by 200 ms (a quota)',
    'and 2 more topics',
  ];

  test.each(SENTENCES)('%s', (sentence) => {
    const rest = said(sentence).match(/[A-Za-z]{2,}/g) ?? [];
    expect(rest.filter((word) => !['KRW', 'BTC', 'HTTP', 'ms', 'id'].includes(word))).toEqual([]);
    // The line of many is of one kind, and so is its Korean.
    const kind = said(kindOf(sentence)).match(/[A-Za-z]{2,}/g) ?? [];
    expect(kind).toEqual([]);
  });

  test('leaves names alone', () => {
    expect(said('trade-data.korea is refused: Broker: Topic authorization failed (29)')).toBe(
      'trade-data.korea 거부됨: Broker: Topic authorization failed (29)',
    );
    expect(said('upbit trade')).toBe('upbit 체결');
  });
});

describe('kinds of trouble', () => {
  test.each([
    ['no data: KRW-BTC (1 of 3)', 'no data: KRW-ETH, KRW-XRP (2 of 9)'],
    ['backoff (HTTP 503 on opening)', 'backoff (did not open in time)'],
    ['no stream is live: trade backoff', 'no stream is live: ticker stale; trade blocked'],
    [
      'trade-data.korea is refused: x (29); 4 messages wait',
      'ticker-data.asia is refused: y (10); 7 messages wait',
    ],
    [
      'ws.event: of 4 messages the oldest waits 16 s for its acknowledgement',
      'ws.error: of 9 messages the oldest waits 20 s for its acknowledgement',
    ],
  ])('%s is like %s', (one, other) => {
    expect(kindOf(one)).toBe(kindOf(other));
  });

  test('that read alike are one, whatever they befell', () => {
    const kindsOf = new Function('words', 'said', `${source('troubles.js')}\nreturn kindsOf;`);
    const whys = ['stale (no data)', 'no data: KRW-BTC (1 of 3)', 'backoff (HTTP 503 on opening)'];
    const reasons = whys.map((why) => ({ what: 'upbit ticker', why }));
    const ways: [Words, (text: string) => string][] = [
      [WORDS.en, (text) => text],
      [WORDS.ko, said],
    ];
    for (const [words, saying] of ways) expect(kindsOf(words, saying)(reasons).size).toBe(2);
  });

  test('differ where people would say so', () => {
    const whys = [
      'no data: A (1 of 2)',
      'blocked (HTTP 418)',
      'backoff (HTTP 503)',
      'rows wait: oldest 3 s',
      'ws.event is refused: x',
    ];
    expect(new Set(whys.map(kindOf)).size).toBe(whys.length);
  });
});

describe('what the page is told', () => {
  test('has collectors, leases and the age of the oldest row', () => {
    const { orchestrator } = observed();
    const leases = () => ({ collectors: ['other', 'test'], held: 22, lost: 3, given: 1 });
    const unacknowledged = () => [{ target: UPBIT_TRADES, waitedMs: 4321 }];
    const seen = observed({
      orchestrator: { ...orchestrator, leases, unacknowledged },
      publisher: { waitedMs: () => 1200 },
    });
    expect(snapshot(seen, false)).toMatchObject({ oldest: [4321, 1200], leases: leases() });
  });

  test('counts every gap, and marks every interval of them once', () => {
    const seen = observed();
    const gap = { cause: 'cut', codes: ['KRW-BTC'], first_missing_id: null, last_missing_id: null } as const;
    // Twice thirty, of which each two overlap, ten seconds apart.
    for (let n = 1; n <= 30; n++)
      for (const more of [0, 500_000])
        seen.gaps.take({
          kind: 'gap',
          target: UPBIT_TRADES,
          gap: { ...gap, from: NOON - n * 1e7 + more, to: NOON - n * 1e7 + 1e6 + more },
        });
    const [line] = snapshot(seen, true).streams as { gapCount: number; gaps: number[][] }[];
    expect(line?.gapCount).toBe(61);
    expect(line?.gaps).toHaveLength(31);
    expect(line?.gaps[0]).toEqual([NOON / 1000 - 300_000, NOON / 1000 - 298_500]);
  });

  test('of one stream hides nothing of another', () => {
    const tickers = { ...UPBIT_TRADES, request_type: 'ticker' } as const;
    const figures = new StreamFigures();
    const seen = observed({
      orchestrator: { ...observed().orchestrator, streams: () => [stream(figures, ['live'])] },
    });
    const gap = { cause: 'cut', codes: ['KRW-BTC'], first_missing_id: null, last_missing_id: null } as const;
    for (let n = 0; n < 500; n++)
      seen.gaps.take({ kind: 'gap', target: tickers, gap: { ...gap, from: NOON - 2e6, to: NOON - 1e6 } });
    const [line] = snapshot(seen, true).streams as { gaps: number[][] }[];
    expect(line?.gaps).toHaveLength(1);
  });
});
