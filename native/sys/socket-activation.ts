import { addon } from './addon.ts';

/** A socket that the service manager opened for this process (sd_listen_fds_with_names(3)). */
export interface ListenDescriptor {
  readonly descriptor: number;
  /** FileDescriptorName= of the socket unit, 'unknown' when the manager gave none. */
  readonly name: string;
}

const firstDescriptor = 3;
const most = 1024;

/**
 * The descriptors passed by LISTEN_FDS, if LISTEN_PID says that they are meant for this process; [] otherwise. Removes
 * the LISTEN_* variables, so that no child believes them its own, and sets close-on-exec. Listen with
 * `server.listen({ fd: descriptor })`.
 * @throws Error when the variables make no sense, SystemError EBADF when a descriptor is not open
 */
export function listenDescriptors(
  environment: NodeJS.ProcessEnv = process.env,
  pid: number = process.pid,
): readonly ListenDescriptor[] {
  const listenPid = environment['LISTEN_PID'];
  const listenFds = environment['LISTEN_FDS'];
  const listenNames = environment['LISTEN_FDNAMES'];
  if (listenPid === undefined || listenFds === undefined || listenPid !== String(pid)) return [];
  delete environment['LISTEN_PID'];
  delete environment['LISTEN_FDS'];
  delete environment['LISTEN_FDNAMES'];
  if (!/^[0-9]{1,4}$/.test(listenFds) || Number(listenFds) > most)
    throw new Error(`LISTEN_FDS is ${JSON.stringify(listenFds)}, not a number from 0 to ${most}`);
  const count = Number(listenFds);
  const names = listenNames === undefined ? [] : listenNames.split(':');
  if (listenNames !== undefined && names.length !== count)
    throw new Error(`LISTEN_FDNAMES has ${names.length} names for ${count} descriptors`);
  return Array.from({ length: count }, (_, index) => {
    const descriptor = firstDescriptor + index;
    addon.setCloseOnExec(descriptor);
    return { descriptor, name: names[index] ?? 'unknown' };
  });
}
