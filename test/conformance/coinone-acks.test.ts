import { expect, setDefaultTimeout, test } from 'bun:test';
import { coinone } from '../../exchanges/coinone.ts';
import type { Event } from '../../src/core/exchange.ts';
import { Markets } from '../../src/core/market/markets.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

const AT = 1_790_134_800_000_000;
const PONG = { response_type: 'PONG' };
const INVALID = { response_type: 'ERROR', error_code: 160012, message: 'Invalid Topic' };

function open(type: 'trade' | 'ticker') {
  const session = coinone.session(type, new Markets(coinone.markets.split));
  const read = (frame: object, afterMs: number): Event[] => {
    const events: Event[] = [];
    session.read(JSON.stringify(frame), AT + afterMs * 1000, (event) => events.push(event));
    return events;
  };
  const subscribed = (target_currency: string) => ({
    response_type: 'SUBSCRIBED',
    channel: type.toUpperCase(),
    data: { quote_currency: 'KRW', target_currency },
  });
  return { read, subscribed };
}

/** Coinone acks unknown markets too; the error that follows within 10 ms names none. */
test('an error is that of the ack just before it, and leaves the one before that alone', () => {
  const { read, subscribed } = open('trade');
  expect(read(subscribed('BTC'), 0)).toMatchObject([{ kind: 'send' }]);
  expect(read(subscribed('NOPE'), 48)).toEqual([{ kind: 'alive' }]);
  expect(read(INVALID, 57)).toEqual([
    { kind: 'refused', symbols: ['KRW-NOPE'], reason: '160012: Invalid Topic' },
  ]);
  expect(read(PONG, 170)).toEqual([{ kind: 'ack', symbols: ['KRW-BTC'] }]);
  expect(read(PONG, 20_000)).toEqual([{ kind: 'alive' }]);
});

/** Near the exchange a PONG is back before the error, which comes 0 to 10 ms after the ack whatever the distance. */
test('a PONG that overtakes the error confirms nothing; the next one does', () => {
  const { read, subscribed } = open('trade');
  expect(read(subscribed('BTC'), 0)).toMatchObject([{ kind: 'send' }]);
  expect(read(PONG, 4)).toMatchObject([{ kind: 'alive' }, { kind: 'send' }]);
  expect(read(PONG, 52)).toEqual([{ kind: 'ack', symbols: ['KRW-BTC'] }]);
  expect(read(subscribed('NOPE'), 100)).toMatchObject([{ kind: 'send' }]);
  expect(read(PONG, 104)).toMatchObject([{ kind: 'alive' }, { kind: 'send' }]);
  expect(read(INVALID, 109)).toMatchObject([{ kind: 'refused', symbols: ['KRW-NOPE'] }]);
  expect(read(PONG, 152)).toEqual([{ kind: 'alive' }]);
});

test('a clock that was set back confirms all the same', () => {
  const { read, subscribed } = open('trade');
  read(subscribed('BTC'), 10_000);
  expect(read(PONG, 4)).toMatchObject([{ kind: 'alive' }, { kind: 'send' }]);
  expect(read(PONG, 60)).toEqual([{ kind: 'ack', symbols: ['KRW-BTC'] }]);
});

test('an error long after every ack takes none back', () => {
  const { read, subscribed } = open('ticker');
  read(subscribed('BTC'), 0);
  expect(read(INVALID, 100)).toEqual([{ kind: 'refused', symbols: [], reason: '160012: Invalid Topic' }]);
  expect(read(PONG, 170)).toEqual([{ kind: 'ack', symbols: ['KRW-BTC'] }]);
});
