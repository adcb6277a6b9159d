import { dlopen, FFIType, ptr } from 'bun:ffi';
import type { Clock } from '../../common/clock.ts';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
/** Never block the event loop over a service manager that does not read. */
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** `sun_path` of Linux. */
const PATH_BYTES = 108;

/** The service manager that started this process: systemd, or whoever speaks its protocol. */
export interface ServiceManager {
  /** @see https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html */
  notify(state: string): void;
  /** How often it wants to hear that the process lives, in ms; null: not at all. */
  readonly watchdogMs: number | null;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The service manager that NOTIFY_SOCKET names; null where there is none, or where its socket cannot be spoken to.
 * Bun has no datagram socket of the Unix kind, so that libc's own calls are made.
 */
export function serviceManager(environment: Environment): ServiceManager | null {
  const socket = environment.NOTIFY_SOCKET;
  if (!socket || !/^[/@]/.test(socket)) return null;
  const address = addressOf(socket);
  if (!address) return null;
  try {
    const { symbols } = dlopen('libc.so.6', {
      socket: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
      sendto: {
        args: [FFIType.i32, FFIType.ptr, FFIType.u64, FFIType.i32, FFIType.ptr, FFIType.u32],
        returns: FFIType.i64,
      },
    });
    const handle = symbols.socket(AF_UNIX, SOCK_DGRAM, 0);
    if (handle < 0) return null;
    return {
      watchdogMs: watchdogOf(environment),
      notify(state) {
        const message = Buffer.from(state);
        const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
        symbols.sendto(handle, ptr(message), message.length, flags, ptr(address), address.length);
      },
    };
  } catch {
    return null;
  }
}

/** WATCHDOG=1 three times in each interval, from the event loop: a loop that stands still says nothing. */
export function feedWatchdog({ notify, watchdogMs }: ServiceManager, clock: Clock): void {
  if (watchdogMs === null) return;
  const feed = (): void => {
    notify('WATCHDOG=1');
    clock.after(watchdogMs / 3, feed);
  };
  feed();
}

/** `struct sockaddr_un`; a name that begins with @ is of the abstract kind, which begins with a zero byte. */
function addressOf(socket: string): Buffer | null {
  const path = Buffer.from(socket);
  if (path.length >= PATH_BYTES) return null;
  if (socket.startsWith('@')) path[0] = 0;
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  return Buffer.concat([family, path]);
}

function watchdogOf({ WATCHDOG_USEC, WATCHDOG_PID }: Environment): number | null {
  const micros = Number(WATCHDOG_USEC);
  const forUs = WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === process.pid;
  return forUs && micros > 0 ? micros / 1000 : null;
}
