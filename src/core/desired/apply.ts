import type { Command, FieldError, Reason } from '../commands/command.ts';
import type { Markets } from '../market/markets.ts';
import { type Applied, answer, type Checked, type Pinner, refuse } from './answer.ts';
import { connect } from './connect.ts';
import { disconnect, unsubscribe } from './disconnect.ts';
import { pin, withLiving } from './pin.ts';
import { type AddressRules, originOf, type StreamRules } from './rules.ts';
import type { DesiredStream } from './stream.ts';

/** A command may be this much older than its `ttl_ms` allows: clocks differ. */
const CLOCK_SLACK_MS = 5000;

export interface ApplyContext {
  /** Null where no plug-in has the exchange. */
  readonly rules: StreamRules | null;
  readonly markets: Markets;
  /** Epoch ms. */
  readonly nowMs: number;
  /** Left out: every collector lives, and the one whose configuration pins has no name. */
  readonly pinner?: Pinner;
}

const ALONE: Pinner = { collector: '', place: '', isLiving: () => true, succeeds: () => false };

/**
 * The one place where a command gets its meaning: desired state in, desired state and reply out. Pure and total.
 * `status` and the breaker's commands change no desired state; they are only held against the rules here.
 */
export function apply(desired: DesiredStream, command: Command, context: ApplyContext): Applied {
  const { rules, markets } = context;
  if (!rules) {
    const message = `${command.target.exchange} is not supported`;
    return refuse(desired, 'unsupported_exchange', [{ path: 'target.exchange', message }]);
  }
  const origin = command.url === null ? undefined : originOf(command.url, rules.addresses);
  const wrong = flaws(command, rules, origin?.allowed === false);
  const first = wrong[0];
  if (first) {
    return refuse(
      desired,
      first.reason,
      wrong.map(({ path, message }) => ({ path, message })),
    );
  }
  const age = context.nowMs - command.issuedAtMs;
  if (command.ttlMs !== null && age - command.ttlMs > CLOCK_SLACK_MS) {
    const message = `is ${age} ms old and was good for ${command.ttlMs} ms`;
    return refuse(desired, 'stale', [{ path: 'ttl_ms', message }], { age_ms: age, ttl_ms: command.ttlMs });
  }
  return withNote(
    carryOut(desired, {
      command,
      rules,
      markets,
      origin: origin?.allowed ? origin.origin : undefined,
      pinner: context.pinner ?? ALONE,
    }),
    command,
    rules,
  );
}

function carryOut(stored: DesiredStream, checked: Checked): Applied {
  const desired = withLiving(stored, checked.pinner);
  const applied = change(desired, checked);
  // Who lives is no change of its own.
  return applied.desired === desired ? { ...applied, desired: stored } : applied;
}

function change(desired: DesiredStream, checked: Checked): Applied {
  switch (checked.command.action) {
    case 'connect_and_subscribe':
      return connect(desired, checked);
    case 'pin':
      return pin(desired, checked);
    case 'unsubscribe':
      return unsubscribe(desired, checked);
    case 'disconnect':
      return disconnect(desired, checked);
    case 'status':
    case 'breaker_open':
    case 'breaker_close':
      return { desired, reply: answer('accepted', null) };
  }
}

interface Flaw extends FieldError {
  readonly reason: Reason;
}

/** Everything that is wrong with where a command points to, the weightiest first. */
function flaws({ action, target, symbols }: Command, rules: StreamRules, foreignUrl: boolean): Flaw[] {
  const found: Flaw[] = [];
  // A pin that names nothing only takes back.
  const starts = action === 'connect_and_subscribe' || (action === 'pin' && symbols.length > 0);
  if (target.region !== rules.region) {
    const message = `${rules.exchange} belongs to ${rules.region}`;
    found.push({ reason: 'region_mismatch', path: 'target.region', message });
  }
  if (!rules.types.some((type) => type === target.request_type)) {
    const message = `${rules.exchange} offers ${rules.types.join(', ')}`;
    found.push({ reason: 'unsupported_request_type', path: 'target.request_type', message });
  }
  if (starts && !rules.enabled) {
    const message = `exchanges.${rules.exchange}.enabled is false`;
    found.push({ reason: 'exchange_disabled', path: 'target.exchange', message });
  }
  if (foreignUrl) {
    const message = `must be a wss address of ${hostsOf(rules.addresses)}`;
    found.push({ reason: 'url_not_allowed', path: 'connection.url', message });
  }
  return found;
}

function hostsOf({ hosts, allowed }: AddressRules): string {
  return [...hosts, ...allowed].join(', ');
}

function withNote(applied: Applied, { socketParams, url }: Command, { addresses }: StreamRules): Applied {
  const notes = {
    ...(socketParams ? { socket_params: 'accepted, not used: subscriptions follow symbols' } : {}),
    ...(url !== null && addresses.replaced !== null && applied.desired.origin === null
      ? {
          url: `sockets go to ${addresses.replaced}, which the settings put in place of the exchange's addresses`,
        }
      : {}),
  };
  if (Object.keys(notes).length === 0 || applied.reply.outcome === 'refused') return applied;
  return {
    desired: applied.desired,
    reply: { ...applied.reply, detail: { ...applied.reply.detail, ...notes } },
  };
}
