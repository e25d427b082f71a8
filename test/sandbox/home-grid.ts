/** A grid of one host whose members' homes lie in an XtreemFS volume: DIR, MRC and OSD beside what every grid has. */
import { appendFileSync, chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Daemon, startDaemon } from './daemon.ts';
import { type HomeUnitManager, startHomeUnitManager } from './home-unit-manager.ts';
import { OneHostGrid, succeed } from './one-host-grid.ts';

const checkout = path.resolve(import.meta.dirname, '../..');
const folders = { dir: 'directory', mrc: 'metadata', osd: 'objects' } as const;

export class HomeGrid extends OneHostGrid {
  readonly #servers: Daemon[] = [];
  #units: HomeUnitManager | undefined;

  /** All servers, and a volume for homes that nobody is in yet. */
  override async start(): Promise<void> {
    this.#units = await startHomeUnitManager();
    mkdirSync('/etc/xtreemos', { recursive: true });
    writeFileSync(
      '/etc/xtreemos/helper.conf',
      `[Helper]\nInitSystem=systemd\n[Services]\nBusAddress=${this.#units.address}\n`,
    );
    await super.start(['accounts', 'dir', 'mrc', 'osd']);
    await this.#startServer('dir');
    await Promise.all([this.#startServer('mrc'), this.#startServer('osd')]);
    await succeed(['xos', 'volume', 'create', 'home', '--owner', `admin@${this.vo}`, '--mode', '711']);
    appendFileSync(`/etc/xtreemos/vo.d/${this.vo}.conf`, 'HomeVolume=home\n');
    this.daemon('accounts').kill('SIGHUP');
  }

  async stopServers(): Promise<void> {
    for (const server of this.#servers.splice(0).toReversed()) await server.stop();
  }

  override async stop(): Promise<void> {
    await super.stop();
    await this.#units?.stop();
    await this.stopServers();
  }

  override logs(): string {
    const more = [...this.#servers, ...(this.#units?.units.values() ?? [])];
    const failures = (this.#units?.failures ?? []).map((failure) => `== a unit failed\n${failure}`);
    return [...more.map((daemon) => `== ${daemon.name}\n${daemon.log()}`), ...failures, super.logs()].join(
      '\n',
    );
  }

  async #startServer(role: keyof typeof folders): Promise<void> {
    // What the units' StateDirectory= and RuntimeDirectory= make.
    for (const directory of [`/var/lib/xtreemos/${role}`, `/run/xtreemos/${role}`]) {
      mkdirSync(directory, { recursive: true });
      await succeed(['chown', 'xos-fs:xos-fs', directory]);
      chmodSync(directory, 0o755);
    }
    this.#servers.push(
      await startDaemon({
        name: `xos-${role}`,
        user: 'xos-fs',
        command: ['/usr/lib/xtreemos/bin/node', `${checkout}/daemons/${folders[role]}/main.ts`],
      }),
    );
  }
}
