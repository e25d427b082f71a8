import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { VoServiceFixture } from './vo-service.ts';

const helperMain = fileURLToPath(new URL('../../daemons/helper/main.ts', import.meta.url));
const main = fileURLToPath(new URL('../../daemons/accounts/main.ts', import.meta.url));

/** A private message bus, xos-helper, and xos-accounts on the bus, for the host of a fixture. */
export class AccountsDaemon {
  readonly #processes: readonly ChildProcess[];

  private constructor(processes: readonly ChildProcess[]) {
    this.#processes = processes;
  }

  static async start(service: VoServiceFixture): Promise<AccountsDaemon> {
    const { directory, root } = service;
    const busConfiguration = join(directory, 'bus.conf');
    writeFileSync(
      busConfiguration,
      `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>${service.busAddress}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
`,
    );
    const bus = spawn('dbus-daemon', [`--config-file=${busConfiguration}`, '--nofork', '--print-address'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await said(bus, 'stdout', 'unix:path=');

    mkdirSync(join(root, 'run/xtreemos/helper'), { recursive: true });
    mkdirSync(join(root, 'run/xtreemos/nss'), { recursive: true });
    const helperConfiguration = join(directory, 'helper.conf');
    // Everything that it could touch lies in the temporary directory.
    writeFileSync(
      helperConfiguration,
      [
        '[Helper]',
        `Socket=${root}/run/xtreemos/helper/helper.sock`,
        'AccountsUser=root',
        'InitSystem=none',
        '[Home]',
        `Root=${root}/home`,
        '[Session]',
        `Directory=${root}/run/xtreemos/session`,
        `Cgroup=${root}/cgroup`,
        '[Map]',
        `Path=${root}/run/xtreemos/nss/accounts.map`,
        '[Sweep]',
        'Directories=',
        'SpoolDirectories=',
        `LingerDirectory=${root}/linger`,
        `RuntimeDirectory=${root}/run/user`,
        '[Host]',
        `CertificateDirectory=${root}/etc/xtreemos/host`,
        '',
      ].join('\n'),
    );
    const helper = spawn(process.execPath, [helperMain, '--config', helperConfiguration], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    mkdirSync(join(root, 'run/xtreemos/accounts'), { recursive: true });
    const configuration = join(directory, 'accounts.conf');
    writeFileSync(
      configuration,
      [
        '[Accounts]',
        `StateDirectory=${root}/var/lib/xtreemos/accounts`,
        `VoDirectory=${root}/etc/xtreemos/vo.d`,
        `MappingFile=${root}/etc/xtreemos/mapping.conf`,
        `TrustDirectory=${root}/etc/grid-security/certificates`,
        `HostDirectory=${root}/etc/xtreemos/host`,
        'QueryNameServices=no',
        '[Login]',
        `PamSocket=${root}/run/xtreemos/accounts/pam.sock`,
        `NssSocket=${root}/run/xtreemos/accounts/nss.sock`,
        `HelperSocket=${root}/run/xtreemos/helper/helper.sock`,
        '',
      ].join('\n'),
    );
    const daemon = spawn(process.execPath, [main, '--config', configuration], {
      env: { ...process.env, DBUS_SYSTEM_BUS_ADDRESS: service.busAddress },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    try {
      await Promise.all([said(helper, 'stderr', 'runs'), said(daemon, 'stderr', 'runs')]);
    } catch (error) {
      for (const child of [bus, helper, daemon]) child.kill('SIGTERM');
      throw error;
    }
    return new AccountsDaemon([daemon, helper, bus]);
  }

  async stop(): Promise<void> {
    for (const child of this.#processes) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(timer);
    }
  }
}

function said(child: ChildProcess, stream: 'stdout' | 'stderr', text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = '';
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`no "${text}" from ${child.spawnargs[0]}:\n${output}`));
    }, 30_000);
    child[stream]?.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
      if (!output.includes(text)) return;
      clearTimeout(timer);
      resolve();
    });
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`${child.spawnargs[0]} ended with ${code}:\n${output}`));
    });
  });
}
