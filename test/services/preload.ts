import { afterAll, setDefaultTimeout } from 'bun:test';
import { endAllServers } from './scratch.ts';

/** For a service that starts on a busy machine; a test that waits longer by its nature says so itself. */
setDefaultTimeout(60_000);

afterAll(endAllServers);
