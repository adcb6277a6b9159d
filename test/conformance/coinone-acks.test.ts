import { expect, setDefaultTimeout, test } from 'bun:test';
import { coinone } from '../../exchanges/coinone.ts';
import type { Event } from '../../src/core/exchange.ts';
import { Markets } from '../../src/core/market/markets.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

const AT = 1_790_134_800_000_000;

/** Coinone acks unknown markets too; the error that follows within 10 ms names none. */
test('an error is that of the ack just before it, and leaves the one before that alone', () => {
  const session = coinone.session('trade', new Markets(coinone.markets.split));
  const read = (frame: object, afterMs: number): Event[] => {
    const events: Event[] = [];
    session.read(JSON.stringify(frame), AT + afterMs * 1000, (event) => events.push(event));
    return events;
  };
  const subscribed = (target_currency: string) => ({
    response_type: 'SUBSCRIBED',
    channel: 'TRADE',
    data: { quote_currency: 'KRW', target_currency },
  });
  const invalid = { response_type: 'ERROR', error_code: 160012, message: 'Invalid Topic' };

  expect(read(subscribed('BTC'), 0)).toMatchObject([{ kind: 'send' }]);
  expect(read(subscribed('NOPE'), 48)).toEqual([{ kind: 'alive' }]);
  expect(read(invalid, 57)).toEqual([
    { kind: 'refused', symbols: ['KRW-NOPE'], reason: '160012: Invalid Topic' },
  ]);
  expect(read({ response_type: 'PONG' }, 170)).toEqual([{ kind: 'ack', symbols: ['KRW-BTC'] }]);
  expect(read({ response_type: 'PONG' }, 20_000)).toEqual([{ kind: 'alive' }]);
});

test('an error long after every ack takes none back', () => {
  const session = coinone.session('ticker', new Markets(coinone.markets.split));
  const events: Event[] = [];
  const data = { quote_currency: 'KRW', target_currency: 'BTC' };
  const acked = JSON.stringify({ response_type: 'SUBSCRIBED', channel: 'TICKER', data });
  session.read(acked, AT, () => {});
  const invalid = JSON.stringify({ response_type: 'ERROR', error_code: 160012, message: 'Invalid Topic' });
  session.read(invalid, AT + 100_000, (event) => events.push(event));
  session.read('{"response_type":"PONG"}', AT + 170_000, (event) => events.push(event));
  expect(events).toEqual([
    { kind: 'refused', symbols: [], reason: '160012: Invalid Topic' },
    { kind: 'ack', symbols: ['KRW-BTC'] },
  ]);
});
