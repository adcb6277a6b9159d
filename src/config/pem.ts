import { readFileSync } from 'node:fs';
import { Fault, messageOf } from '../common/errors.ts';

/**
 * The text of a PEM file that a setting names; null where it names none.
 * @throws Fault config_unreadable, naming setting and file
 */
export function readPem(setting: string, path: string | null): string | null {
  if (path === null) return null;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Fault(
      'config_unreadable',
      `${setting}: ${path}`,
      messageOf(error),
      'Check the path and its permissions.',
      error,
    );
  }
}
