import { afterAll, setDefaultTimeout } from 'bun:test';
import { endAllServers } from './scratch.ts';

// The first test that asks for a service waits for its start, on a machine that may be busy.
setDefaultTimeout(60_000);

afterAll(endAllServers);
