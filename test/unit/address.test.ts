import { describe, expect, test } from 'bun:test';
import { guardOf, rewriteAddress } from '../../src/core/address.ts';

const OWN = 'wss://stream.example.com:9443/ws/v1?stream=a/b&x=1';

describe('rewriteAddress', () => {
  test.each([
    [null, OWN],
    ['ws://127.0.0.1:1', 'ws://127.0.0.1:1/ws/v1?stream=a/b&x=1'],
    ['ws://127.0.0.1:1/', 'ws://127.0.0.1:1/ws/v1?stream=a/b&x=1'],
    ['ws://127.0.0.1:1/upbit', 'ws://127.0.0.1:1/upbit/ws/v1?stream=a/b&x=1'],
    ['ws://127.0.0.1:1/a/b//', 'ws://127.0.0.1:1/a/b/ws/v1?stream=a/b&x=1'],
    ['wss://proxy', 'wss://proxy/ws/v1?stream=a/b&x=1'],
    ['ws://[::1]:8', 'ws://[::1]:8/ws/v1?stream=a/b&x=1'],
  ])('%p: scheme, host and port are replaced, its path goes before the own one', (replacement, result) => {
    expect(rewriteAddress(OWN, replacement)).toBe(result);
  });

  test('an own address without a path has the root', () => {
    expect(rewriteAddress('wss://a.example.com', 'ws://h:1/p')).toBe('ws://h:1/p/');
    expect(rewriteAddress('wss://a.example.com', 'ws://h:1')).toBe('ws://h:1/');
  });

  test('the query of a replacement is not a prefix; what is no URL throws', () => {
    expect(rewriteAddress('https://a/v1/list', 'http://h:1/p?x=1')).toBe('http://h:1/p/v1/list');
    expect(() => rewriteAddress(OWN, 'nowhere')).toThrow(TypeError);
  });
});

describe('guardOf', () => {
  test.each([
    ['wss://a.example.com:9443/ws', null, 'a.example.com:9443'],
    ['wss://a.example.com/ws', null, 'a.example.com'],
    ['wss://a.example.com/ws', 'ws://127.0.0.1:1/upbit/', '127.0.0.1:1/upbit'],
    ['wss://a.example.com/ws', 'ws://127.0.0.1:1', '127.0.0.1:1'],
  ])('%s by way of %p is known as %s', (own, replacement, guard) => {
    expect(guardOf(own, replacement)).toBe(guard);
  });
});
