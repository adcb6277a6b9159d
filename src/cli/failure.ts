import { describe, type ExitCode, exitCodeOf, Fault } from '../common/errors.ts';
import { standardError } from '../common/line-output.ts';
import { createLog, type Phase } from '../common/log.ts';
import { escapeControls, maskText } from '../common/log-text.ts';

/**
 * Says on standard error, in one line, why a command ends: as text for people, or as a log line where the lines
 * beside it are log lines.
 */
export function tellFailure(error: unknown, as: 'text' | { readonly phase: Phase }): ExitCode {
  const exit = exitCodeOf(error);
  if (as === 'text') {
    standardError.write(`${escapeControls(maskText(describe(error)))}\n`);
    return exit;
  }
  const log = createLog('fatal', false);
  if (error instanceof Fault) {
    const { code, subject, remedy, rule } = error;
    const { domain, severity, retryable } = rule;
    log.fatal(
      {
        phase: as.phase,
        error_code: code,
        error_domain: domain,
        severity,
        retryable,
        subject,
        remedy,
        exit,
      },
      describe(error),
    );
  } else log.fatal({ phase: as.phase, error_code: 'unknown_error', exit, err: error }, describe(error));
  return exit;
}
