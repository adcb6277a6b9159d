import type { Exchange } from '../src/core/exchange.ts';
import { upbit } from './upbit.ts';

/** Every plug-in of this build, in the order in which people see them. */
export const EXCHANGES: readonly Exchange[] = [upbit];
