import { mkdir, readFile, rm } from 'node:fs/promises';
import { reasonOf, writeFileAtomically, XosError } from '@xtreemos/base';
import type { StartHomeReply, StartHomeRequest, StopHomeReply } from '@xtreemos/helper-client';
import { lstatEntry, rmdirEntry } from './held-directory.ts';
import { holdParentOfHomes, mountPointMode } from './home-directory.ts';
import { splitLoginName } from './login-name.ts';
import type { ServiceManager } from './service-manager.ts';
import { storageError } from './storage-error.ts';

export interface HomeVolumeOptions {
  /** Where PID 1 is systemd. */
  readonly manager: ServiceManager | undefined;
  /** `/home` */
  readonly homeRoot: string;
  /** `/run/xtreemos/home` */
  readonly directory: string;
  /** `/etc/skel` */
  readonly skeleton: string;
  /** Content of /proc/self/mountinfo. */
  readonly mountTable?: () => Promise<string>;
}

/** A template service, because a mount unit's name must be its path and cannot be a template. */
export function homeUnitOf(uid: number): string {
  return `xos-home@${uid}.service`;
}

/**
 * Has PID 1 mount a home volume; decisions/home-volumes.md. The unit's own time limit ends the waiting.
 * @throws XosError XOS_NOT_SUPPORTED, XOS_EXISTS, XOS_STATE_WRONG, XOS_LAUNCH_FAILED, XOS_STORAGE_FAILED
 */
export async function startHome(
  request: StartHomeRequest,
  options: HomeVolumeOptions,
): Promise<StartHomeReply> {
  const { manager, homeRoot } = options;
  if (manager === undefined) {
    throw new XosError('XOS_NOT_SUPPORTED', { what: 'Mounting homes', reason: 'PID 1 is not systemd' });
  }
  const { user, alias } = splitLoginName(request.loginName);
  const home = `${homeRoot}/${alias}/${user}`;
  const unit = homeUnitOf(request.uid);
  const file = parameterFile(request.uid, options);
  try {
    if (!(await isMountPoint(home, options))) await makeMountPoint(home, request, options);
    await writeFileAtomically(file, parametersOf(request, home, options.skeleton), { mode: 0o644 });
  } catch (error) {
    throw storageError(error, 'make a mount point', home);
  }
  try {
    await manager.startUnit(unit, request.uid);
  } catch (error) {
    await rm(file, { force: true });
    throw await withReason(error, unit, request.uid, manager);
  }
  return { unit, home };
}

/** Has PID 1 end the mount of an account; without one nothing is asked. @throws XosError XOS_TIMEOUT, XOS_UNREACHABLE */
export async function stopHome(uid: number, options: HomeVolumeOptions): Promise<StopHomeReply> {
  const { manager } = options;
  const file = parameterFile(uid, options);
  const isKnown = await readFile(file).then(
    () => true,
    () => false,
  );
  if (manager === undefined || !isKnown) return { stopped: false };
  const unit = homeUnitOf(uid);
  const stopped = await manager.stopUnit(unit);
  const outcome = await manager.outcome(unit);
  if (outcome !== undefined && outcome.result !== 'success') await manager.resetFailedUnit(unit);
  await rm(file, { force: true });
  if (outcome === undefined || outcome.result === 'success') return { stopped };
  return { stopped, problem: `${unit} ended as "${outcome.result}"${said(outcome.statusText)}` };
}

function parameterFile(uid: number, { directory }: HomeVolumeOptions): string {
  return `${directory}/${uid}.env`;
}

/** systemd.exec(5), EnvironmentFile=. By the parser's grammars no value but the configured root could need quotes. */
function parametersOf(request: StartHomeRequest, home: string, skeleton: string): string {
  const { uid, gid, vo, volume, directory } = request;
  const values = {
    XOS_HOME_MOUNT_POINT: home,
    XOS_HOME_SOURCE: `${directory}/${volume}`,
    XOS_HOME_OPTIONS: `home,skeleton=${skeleton},vo=${vo},user_id=${uid},group_id=${gid}`,
  };
  return Object.entries(values)
    .map(([name, value]) => `${name}="${value.replace(/["\\$`]/g, '\\$&')}"\n`)
    .join('');
}

/** Root's, so that nothing is written beneath it while the volume is away. */
async function makeMountPoint(
  home: string,
  { uid, loginName }: StartHomeRequest,
  { homeRoot }: HomeVolumeOptions,
): Promise<void> {
  const { user, alias } = splitLoginName(loginName);
  await using parent = await holdParentOfHomes(homeRoot, alias);
  const there = await lstatEntry(parent, user);
  const isOurs = there?.isDirectory() && there.uid === 0 && (there.mode & 0o7777) === mountPointMode;
  if (there !== undefined) {
    // Removing succeeds for an empty directory alone, which is how it is known to be one.
    const isEmpty = there.isDirectory() && (await rmdirEntry(parent, user).catch(() => false));
    if (!isEmpty) {
      throw new XosError('XOS_EXISTS', {
        what: isOurs ? 'Something in the mount point' : `A local home of uid ${there.uid},`,
        name: home,
        uid,
      });
    }
  }
  await mkdir(parent.entry(user), mountPointMode);
}

async function isMountPoint(path: string, { mountTable }: HomeVolumeOptions): Promise<boolean> {
  const table = await (mountTable ?? (() => readFile('/proc/self/mountinfo', 'utf8')))();
  // proc(5): blanks and backslashes in it are written as three octal digits.
  const written = path.replace(/[\s\\]/g, (character) => `\\${octal(character)}`);
  return table.split('\n').some((line) => line.split(' ')[4] === written);
}

function octal(character: string): string {
  return character.charCodeAt(0).toString(8).padStart(3, '0');
}

/** What the unit said last tells people more than that its job failed. */
async function withReason(
  error: unknown,
  unit: string,
  uid: number,
  manager: ServiceManager,
): Promise<unknown> {
  if (!(error instanceof XosError) || error.code !== 'XOS_LAUNCH_FAILED') return error;
  const outcome = await manager.outcome(unit).catch(() => undefined);
  await manager.resetFailedUnit(unit).catch(() => false);
  const reason =
    outcome === undefined ? reasonOf(error) : `it ended as "${outcome.result}"${said(outcome.statusText)}`;
  return new XosError('XOS_LAUNCH_FAILED', { what: unit, uid, reason }, { cause: error });
}

function said(statusText: string): string {
  return statusText === '' ? '' : `: ${statusText.slice(0, 500)}`;
}
