import { expect, test } from 'bun:test';
import { sourceOf } from '../../src/config/exchange-parts.ts';
import { type MachineFacts, machineFacts, machineName } from '../../src/infra/process/machine.ts';

const VM: MachineFacts = {
  boot: '0b2f6f0e-2a3c-4d56-9a4e-6f9b0c1d2e3f',
  machineId: '3d1219c7c4c5404aaa1f6d2a48adfda4',
  numbering: 'pid:[4026531836]',
  hostname: 'collector',
};
const CONTAINER: MachineFacts = {
  ...VM,
  machineId: null,
  numbering: 'pid:[4026532761]',
  hostname: '7b1d3f0a9c2e',
};
const OTHER_ID = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';

test('a machine is the same after a restart, and another where only its host name is the same', () => {
  expect(machineName({ ...VM, boot: 'another boot' })).toBe(machineName(VM));
  expect(machineName({ ...VM, machineId: OTHER_ID })).not.toBe(machineName(VM));
  expect(machineName({ ...VM, hostname: 'a clone' })).not.toBe(machineName(VM));
});

test('containers of one machine share its address, whatever they are called; those of two do not', () => {
  expect(machineName({ ...CONTAINER, hostname: 'c0ffee', numbering: 'pid:[4026539999]' })).toBe(
    machineName(CONTAINER),
  );
  expect(machineName({ ...CONTAINER, boot: 'another boot' })).not.toBe(machineName(CONTAINER));
  const image = { ...CONTAINER, machineId: OTHER_ID };
  expect(machineName({ ...image, hostname: 'c0ffee' })).toBe(machineName(image));
  expect(machineName({ ...image, boot: 'another boot' })).not.toBe(machineName(image));
});

test('a machine id that says nothing is none; without anything there is the host name', () => {
  for (const machineId of ['uninitialized', '', '0'.repeat(32)])
    expect(machineName({ ...VM, machineId })).toBe(VM.boot ?? '');
  expect(machineName({ boot: null, machineId: null, numbering: null, hostname: 'h' })).toBe('h');
});

test('this machine has a name, the same each time', () => {
  expect(machineName(machineFacts())).toBe(machineName(machineFacts()));
});

test('what exchanges see: a proxy wherever it is used from, else an address of this machine', () => {
  expect(sourceOf(null, null, 'm')).toBe('m');
  expect(sourceOf('http://user:pass@proxy.example:3128', null, 'm')).toBe('proxy.example:3128');
  expect(sourceOf('http://127.0.0.1:3128', null, 'm')).toBe('127.0.0.1:3128@m');
  expect(sourceOf('http://[::1]:3128', null, 'm')).toBe('[::1]:3128@m');
  expect(sourceOf(null, '10.0.0.5', 'm')).toBe('10.0.0.5@m');
});
