import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A dbus-daemon of one's own, for tests: everyone may own and call everything on it. */
export interface PrivateBus {
  readonly address: string;
  readonly directory: string;
  /** Ends the daemon; connections are lost. */
  kill(): Promise<void>;
  /** Starts it again under the same address. */
  start(): Promise<void>;
  /** Ends the daemon and removes its directory. */
  remove(): Promise<void>;
}

/** `type`: what the daemon says it is; polkit and machine services are absent either way. */
export async function startPrivateBus(): Promise<PrivateBus> {
  const directory = await mkdtemp(join(tmpdir(), 'xos-bus-'));
  const address = `unix:path=${join(directory, 'bus.sock')}`;
  const configuration = join(directory, 'bus.conf');
  await writeFile(
    configuration,
    `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>${address}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow send_destination="*" eavesdrop="false"/>
    <allow receive_sender="*" eavesdrop="false"/>
    <allow own="*"/>
  </policy>
</busconfig>
`,
  );
  let daemon: ChildProcess | undefined;
  const kill = async () => {
    const running = daemon;
    daemon = undefined;
    if (running === undefined || running.exitCode !== null) return;
    const exited = once(running, 'exit');
    running.kill('SIGKILL');
    await exited;
    await rm(join(directory, 'bus.sock'), { force: true });
  };
  const start = async () => {
    const started = spawn('dbus-daemon', [`--config-file=${configuration}`, '--nofork', '--print-address'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    daemon = started;
    const lines = createInterface({ input: started.stdout });
    const ready = once(lines, 'line');
    const failed = once(started, 'exit').then(([code]) => {
      throw new Error(`dbus-daemon ended with ${code}`);
    });
    failed.catch(() => undefined);
    await Promise.race([ready, failed]);
  };
  await start();
  return {
    address,
    directory,
    kill,
    start,
    async remove() {
      await kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
