import { describe, expect, test } from 'bun:test';
import { audit } from '../../src/cli/audit/audit.ts';
import { tableOf } from '../../src/cli/audit/table.ts';
import { timeOf } from '../../src/cli/audit/times.ts';
import { exitCodeOf, messageOf } from '../../src/common/errors.ts';
import { audited, message, minute, ticker, trade } from './audit-parts.ts';

const NOW = 1_795_900_000_000_000;

describe('times', () => {
  test.each([
    ['2026-11-28T09:00:00Z', 1_795_856_400_000_000],
    ['1795856400', 1_795_856_400_000_000],
    ['1795856400123', 1_795_856_400_123_000],
    ['1795856400123456', 1_795_856_400_123_456],
    ['90s', NOW - 90_000_000],
    ['30m', NOW - 1_800_000_000],
    ['2h', NOW - 7_200_000_000],
    ['7d', NOW - 604_800_000_000],
  ])('%s', (text, at) => {
    expect(timeOf('from', text, NOW)).toBe(at);
  });

  test('none, and what is none', () => {
    expect(timeOf('from', undefined, NOW)).toBeNull();
    for (const text of ['', 'soon', '2y', '-1h', '1.5h'])
      expect(() => timeOf('from', text, NOW)).toThrow('--from');
  });
});

describe('the command line', () => {
  const refused = async (...argv: string[]) => {
    try {
      await audit.run(argv);
    } catch (error) {
      return `${exitCodeOf(error)} ${messageOf(error)}`;
    }
    return 'taken';
  };

  test('a slip is named, with what was probably meant', async () => {
    expect(await refused('--exchange', 'binanse')).toMatch(/^64 .*Did you mean binance\?/);
    expect(await refused('--type', 'trades')).toMatch(/^64 .*ticker, trade.*Did you mean trade\?/);
    expect(await refused('--form', '1h')).toMatch(/^64 .*Did you mean (--)?from\?/);
    expect(await refused('--from', 'soon')).toMatch(/^64 /);
    expect(await refused('--from', '1h', '--to', '2h')).toMatch(/^64 .*not before/);
    expect(await refused('more')).toMatch(/^64 /);
  });
});

describe('the table', () => {
  test('has a line for each code, figures under their heads, and says what is unexplained', () => {
    const messages = [
      message('binance', 'trade', [trade(1, 10), trade(4, 40)]),
      message('upbit', 'ticker', [ticker(10), ticker(20)]),
    ];
    const lines = tableOf(audited({ messages, minutes: [minute('upbit', 'ticker', 0, 5)] })).split('\n');
    expect(lines.slice(0, 3)).toEqual([
      'exchange  type    code      rows  late  fenced  repeats  order  holes  missing  filled  links  unexplained',
      'binance   trade   USDT-BTC     2     0       0        0      0      1        2       0      -            1',
      'upbit     ticker  USDT-BTC     2     0       0        0      0      -        -       -      -            0',
    ]);
    expect(lines).toContain('4 rows of 2 codes in 2 messages: 2 unexplained');
    expect(lines.filter((line) => line.startsWith('hole '))).toHaveLength(1);
    expect(lines.find((line) => line.startsWith('minute '))).toMatch(
      /upbit ticker: 3 rows of the minute .* are not there$/,
    );
  });

  test('says that nothing is unexplained', () => {
    const messages = [message('binance', 'trade', [trade(1, 10), trade(2, 40)])];
    expect(tableOf(audited({ messages })).split('\n').at(-1)).toBe(
      '2 rows of 1 codes in 1 messages: nothing is unexplained',
    );
  });
});
