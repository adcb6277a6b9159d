import { expect, test } from 'bun:test';
import { didYouMean, nearest } from '../../src/common/nearest.ts';

const NAMES = ['KAFKA_BOOTSTRAP_SERVERS', 'REDIS_URL', 'run', 'record', 'replay', 'upbit'];

test.each([
  ['KAFKA_BOOTSTRAP_SERVER', 'KAFKA_BOOTSTRAP_SERVERS'],
  ['KAFKA_BOOTSRTAP_SERVERS', 'KAFKA_BOOTSTRAP_SERVERS'],
  ['REDIS_URI', 'REDIS_URL'],
  ['rnu', 'run'],
  ['UPBIT', 'upbit'],
  ['run', null],
  ['PATH', null],
  ['REDIS_SENTINEL_DOWN', null],
])('%s: %p', (word, meant) => {
  expect(nearest(word, NAMES)).toBe(meant);
});

test('a whole part before any slip of letters', () => {
  const actions = ['unsubscribe', 'connect_and_subscribe', 'disconnect'];
  expect(nearest('subscribe', actions)).toBe('connect_and_subscribe');
  expect(nearest('port', ['sort', 'http.port'])).toBe('http.port');
  expect(nearest('', ['http.port', '-a'])).toBeNull();
});

test('of two the nearer one', () => {
  expect(nearest('recod', ['replay', 'records', 'record'])).toBe('record');
  expect(didYouMean('recod', NAMES)).toBe(' Did you mean record?');
  expect(didYouMean('zzz', NAMES)).toBe('');
});
