import { expect, test } from 'bun:test';
import { proxyOf } from '../../src/config/proxy.ts';

const PROXIES = { HTTPS_PROXY: 'http://secure:3128', http_proxy: 'plain:8080' };

test.each([
  ['wss://ws.upbit.example/v1', PROXIES, 'http://secure:3128'],
  ['https://api.upbit.example', PROXIES, 'http://secure:3128'],
  ['ws://ws.upbit.example', PROXIES, 'http://plain:8080'],
  ['wss://ws.upbit.example', { HTTP_PROXY: 'plain:8080' }, null],
  ['wss://ws.upbit.example', {}, null],
  ['wss://127.0.0.1:9', PROXIES, null],
  ['wss://localhost:9', PROXIES, null],
  ['wss://ws.upbit.example', { ...PROXIES, NO_PROXY: 'other, upbit.example' }, null],
  ['wss://ws.upbit.example', { ...PROXIES, no_proxy: '.upbit.example' }, null],
  ['wss://ws.upbit.example', { ...PROXIES, NO_PROXY: '*' }, null],
  ['wss://ws.upbit.example', { ...PROXIES, NO_PROXY: 'upbit.example:443' }, null],
  ['wss://ws.upbit.example', { ...PROXIES, NO_PROXY: 'upbit.example:8443' }, 'http://secure:3128'],
  ['wss://notupbit.example', { ...PROXIES, NO_PROXY: 'upbit.example' }, 'http://secure:3128'],
])('%s with %o', (address, environment, proxy) => {
  expect(proxyOf(address, environment)).toBe(proxy);
});
