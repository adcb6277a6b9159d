import { afterAll } from 'bun:test';
import { endAllServers } from './scratch.ts';

afterAll(endAllServers);
