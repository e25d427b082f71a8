/** A Debian with hardware of its own: its console, power switch, network cable and clock, and commands run by its systemd. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { removeCgroup } from '../hosts/cgroup.ts';
import type { Ground } from '../hosts/ground.ts';
import type { BootState, RunOptions } from '../hosts/host.ts';
import { transientService } from '../hosts/transient-service.ts';
import { waitFor } from '../sandbox/daemon.ts';
import type { CommandResult } from '../sandbox/one-host-grid.ts';
import { quoted, Terminal } from '../sandbox/terminal.ts';
import { Agent } from './agent.ts';
import { identityScript } from './identity.ts';
import { qemu } from './qemu.ts';
import { Qmp } from './qmp.ts';

/** An emulated processor is some ten times slower, and shares this machine with others. */
const patienceMs = 120_000;
const bootPatienceMs = 600_000;
/** Of these for the first word of the machine. */
const silencePatienceMs = 200_000;

interface Power {
  readonly console: Terminal;
  readonly qmp: Qmp;
  readonly agent: Agent;
}

export interface MachineBoot extends BootState {
  /** Where it stood each time that it said nothing for minutes and was switched off and on again. */
  readonly silences: readonly string[];
}

export class Machine {
  readonly name: string;
  /** 10.77.0.NUMBER */
  readonly address: string;
  readonly #number: number;
  readonly #ground: Ground;
  readonly #image: string;
  readonly #kvm: boolean;
  readonly #cgroup: string;
  /** As the ground sees it. */
  readonly #folder: string;
  readonly #screens: string[] = [];
  #power: Power | undefined;
  #cut = false;
  #clockAheadMs = 0;

  /** @param image what test/vm/image printed, as the ground sees it. */
  constructor(ground: Ground, name: string, number: number, image: string, kvm: boolean) {
    this.#ground = ground;
    this.#number = number;
    this.#image = image;
    this.#kvm = kvm;
    this.#cgroup = path.join(ground.cgroup, name);
    this.#folder = `/mnt/hosts/${name}`;
    this.name = name;
    this.address = `10.77.0.${number}`;
  }

  /** Gives it a disk that starts as a copy of another. @param disk file of the ground that nobody writes to any more. */
  async prepare(disk: string, format: 'raw' | 'qcow2'): Promise<void> {
    await this.#ground.run('mkdir', '-p', this.#folder);
    const copy = ['-b', disk, '-F', format, `${this.#folder}/disk.qcow2`];
    await this.#ground.run('qemu-img', 'create', '-q', '-f', 'qcow2', ...copy);
  }

  /**
   * Power on, then waits until systemd is done. @throws Error with the console's screen when it is not in time.
   * An emulated machine that says nothing at all is switched off and on again, twice at most; `silences` tells it, and its time is in `bootMs`.
   */
  async boot(timeoutMs = bootPatienceMs): Promise<MachineBoot> {
    const start = performance.now();
    const silences: string[] = [];
    for (let triesLeft = this.#kvm ? 0 : 2; ; triesLeft--) {
      await this.#start();
      const state = await this.#settled(timeoutMs);
      const bootMs = Math.round(performance.now() - start);
      if (state === 'running' || state === 'degraded')
        return { state, failedUnits: await this.#failed(), bootMs, silences };
      const told = `${this.name} did not boot in ${bootMs} ms: systemd says "${state}"\n${await this.#whereItStands()}\n${this.screens().at(-1)}`;
      if (state !== '' || triesLeft === 0) throw new Error(told);
      silences.push(`${told}\n${this.name} is switched off and on again`);
      await this.killPower();
    }
  }

  /**
   * Goes on where a saved state was saved, as a machine of its own: the right time, a name, id, host key and address.
   * @param memory file of the ground. @param neighbours names and numbers of all machines, for /etc/hosts.
   */
  async restore(memory: string, neighbours: ReadonlyMap<string, number>): Promise<void> {
    await this.#start(memory);
    await this.#direct(`date -s @${Date.now() / 1000}`);
    const script = identityScript(this.name, this.#number, neighbours);
    const result = await this.#direct('sh -eu', patienceMs, script);
    if (result.status !== 0)
      throw new Error(`${this.name} gets no identity: ${result.stderr}\n${this.screens().at(-1)}`);
  }

  /** Writes memory and disk to a folder of the ground, for `restore` and `prepare`, and ends the machine. */
  async save(folder: string): Promise<void> {
    const { qmp, console } = this.#running();
    await qmp.execute('stop');
    await qmp.execute('migrate-set-parameters', { 'max-bandwidth': 2 ** 40 });
    await qmp.execute('migrate', { uri: `exec:cat >${folder}/memory` });
    let status = '';
    await waitFor(
      async () => {
        status = ((await qmp.execute('query-migrate')) as { readonly status: string }).status;
        if (status === 'failed') throw new Error(`the memory of ${this.name} cannot be saved`);
        return status === 'completed';
      },
      60_000,
      `saving memory is "${status}"`,
    );
    await qmp.execute('quit').catch(() => undefined); // the answer may be lost
    await console.ended;
    await this.#ground.run('cp', '--sparse=always', `${this.#folder}/disk.qcow2`, `${folder}/disk.qcow2`);
  }

  /**
   * Runs a shell command line as a transient service of the machine's systemd: in a unit, a cgroup and an environment of its
   * own. Never throws for its exit status. 120 s where no limit is given.
   */
  async run(line: string, options: RunOptions = {}): Promise<CommandResult> {
    const timeoutMs = options.timeoutMs ?? patienceMs;
    const words = transientService(line, { ...options, timeoutMs });
    return await this.#direct(words.map(quoted).join(' '), timeoutMs + 30_000, options.input);
  }

  /** Runs a command line that has to succeed. @returns its standard output. @throws Error with all it printed. */
  async succeed(line: string, options: RunOptions = {}): Promise<string> {
    const result = await this.run(line, options);
    if (result.status !== 0)
      throw new Error(`${this.name}: ${line}: status ${result.status}\n${result.stdout}${result.stderr}`);
    return result.stdout;
  }

  /** The serial console, since power on. getty asks there again after each session. */
  console(): Terminal {
    return this.#running().console;
  }

  /** Pulls the network cable: the machine sees its carrier go. It stays out over a boot. */
  async cutNetwork(): Promise<void> {
    this.#cut = true;
    await this.#setCarrier();
  }

  async restoreNetwork(): Promise<void> {
    this.#cut = false;
    await this.#setCarrier();
  }

  /** Power off at once. What the machine had not flushed to its disk is lost. */
  async killPower(): Promise<void> {
    if (this.#power === undefined) return;
    const { console } = this.#power;
    writeFileSync(path.join(this.#cgroup, 'cgroup.kill'), '1');
    await console.ended;
  }

  /** An orderly shutdown and a new boot. */
  async reboot(timeoutMs = bootPatienceMs): Promise<MachineBoot> {
    await this.shutDown('reboot', timeoutMs);
    return await this.boot(timeoutMs);
  }

  /** An orderly shutdown. @throws Error when units keep it from ending in time; it is still on then. */
  async shutDown(how: 'poweroff' | 'reboot' = 'poweroff', timeoutMs = bootPatienceMs): Promise<void> {
    const { agent } = this.#running();
    agent.run(`systemctl ${how}`, { timeoutMs }).catch(() => undefined); // the answer may be lost with the machine
    await waitFor(() => this.#power === undefined, timeoutMs, `${this.name} does not shut down`);
  }

  /** Sets the clock, now and at each boot, so many seconds before (negative) or after the time it shows. */
  async jumpClock(seconds: number): Promise<void> {
    this.#clockAheadMs += seconds * 1000;
    await this.#direct(`date -s @${(Date.now() + this.#clockAheadMs) / 1000}`);
  }

  /** Plugs in a disk that shows the files of a file system image, read-only at `folder`. */
  async plug(image: string, folder: string): Promise<void> {
    const { qmp } = this.#running();
    const file = { driver: 'file', filename: image };
    await qmp.execute('blockdev-add', { 'node-name': 'stick', driver: 'raw', 'read-only': true, file });
    await qmp.execute('device_add', { driver: 'virtio-blk-pci', id: 'stick', drive: 'stick' });
    const mount = `until [ -b /dev/vdb ]; do sleep 0.2; done; mkdir -p ${folder} && mount -o ro /dev/vdb ${folder}`;
    const result = await this.#direct(mount);
    if (result.status !== 0) throw new Error(`${this.name} does not mount ${image}: ${result.stderr}`);
  }

  /** Takes the disk out again. */
  async unplug(folder: string): Promise<void> {
    const { qmp } = this.#running();
    const unmounted = await this.#direct(`umount ${folder}`);
    if (unmounted.status !== 0) throw new Error(`${this.name} keeps ${folder}: ${unmounted.stderr}`);
    const gone = qmp.event('DEVICE_DELETED', 'stick');
    await qmp.execute('device_del', { id: 'stick' });
    await gone;
    await qmp.execute('blockdev-del', { 'node-name': 'stick' });
  }

  /** The journal, of this boot and earlier ones. */
  async journal(...filters: readonly string[]): Promise<string> {
    const options = ['--no-pager', '--output=short-precise', ...filters];
    const result = await this.#direct(
      `journalctl --sync; ${['journalctl', ...options].map(quoted).join(' ')}`,
    );
    if (result.status !== 0) throw new Error(`journal of ${this.name}: ${result.stderr}`);
    return result.stdout;
  }

  /** What the console has shown, one text per power on. */
  screens(): readonly string[] {
    return this.#power === undefined ? this.#screens : [...this.#screens, this.#power.console.screen];
  }

  /** A command beside systemd: for what is part of the bench. */
  async #direct(line: string, timeoutMs = patienceMs, input?: string): Promise<CommandResult> {
    const { agent } = this.#running();
    return await agent.run(line, input === undefined ? { timeoutMs } : { timeoutMs, input });
  }

  async #start(memory?: string): Promise<void> {
    if (this.#power !== undefined) throw new Error(`${this.name} is already on`);
    await waitFor(() => removeCgroup(this.#cgroup), 10_000, `processes of ${this.name} do not end`);
    mkdirSync(this.#cgroup);
    await this.#ground.run('rm', '-f', `${this.#folder}/qmp`, `${this.#folder}/agent`);
    const words = this.#ground.words(
      qemu({
        image: this.#image,
        folder: this.#folder,
        number: this.#number,
        kvm: this.#kvm,
        ...(memory === undefined ? {} : { memory }),
        ...(this.#clockAheadMs === 0 ? {} : { clock: new Date(Date.now() + this.#clockAheadMs) }),
      }),
    );
    // What the machine's console sends has its carriage returns already.
    const line = `echo 0 >${this.#cgroup}/cgroup.procs; stty -onlcr; exec ${words.map(quoted).join(' ')}`;
    const console = new Terminal(line, { patienceMs });
    let ended = false;
    const end = console.ended.then(() => {
      ended = true;
      this.#screens.push(console.screen);
    });
    const folder = this.#ground.fromOutside(this.#folder);
    const open = async <Connection>(
      name: string,
      connect: (file: string) => Promise<Connection>,
    ): Promise<Connection> => {
      let connection: Connection | undefined;
      const attempt = async (): Promise<boolean> => {
        if (ended) throw new Error(`QEMU of ${this.name} ended:\n${console.screen}`);
        connection = await connect(path.join(folder, name)).catch((error: unknown) => {
          if (['ENOENT', 'ECONNREFUSED'].includes((error as NodeJS.ErrnoException).code ?? ''))
            return undefined;
          throw error;
        });
        return connection !== undefined;
      };
      await waitFor(attempt, 60_000, `QEMU of ${this.name} does not listen`);
      return connection as Connection;
    };
    const qmp = await open('qmp', (file) => Qmp.connect(file));
    const agent = await open('agent', (file) => Agent.connect(file));
    this.#power = { console, qmp, agent };
    void end.then(() => {
      qmp.close();
      agent.close();
      this.#power = undefined;
    });
    await this.#setCarrier();
    const loaded = async (): Promise<boolean> =>
      ((await qmp.execute('query-status')) as { readonly status: string }).status !== 'inmigrate';
    await waitFor(loaded, 120_000, `the saved memory of ${this.name} is not loaded`);
    await qmp.execute('cont');
  }

  /**
   * What systemd says of itself once it is done, or at last: "" when the machine is silent or has ended. Asked anew each time, so that
   * an answer lost on its way holds nothing up, nor a signal of systemd's to who waits for its end.
   */
  async #settled(timeoutMs: number): Promise<string> {
    const start = performance.now();
    let state = '';
    for (;;) {
      const waited = performance.now() - start;
      if (waited > timeoutMs || (state === '' && waited > silencePatienceMs)) return state;
      const asked = await this.#direct('systemctl is-system-running', 20_000).catch(() => undefined);
      state = asked?.stdout.trim() || state;
      if (asked === undefined || state === 'running' || state === 'degraded') return state;
      await setTimeout(1000);
    }
  }

  /** What systemd waits for and where the processor is, as far as either still answers. */
  async #whereItStands(): Promise<string> {
    const answer = async (asked: Promise<string>): Promise<string> =>
      await asked.catch((error: unknown) => String(error));
    const jobs = this.#direct('systemctl list-jobs', 10_000).then((r) => `${r.stdout}${r.stderr}`);
    const registers = Promise.resolve(this.#power?.qmp).then((qmp) =>
      qmp?.execute('human-monitor-command', { 'command-line': 'info registers' }),
    );
    const pointer = registers.then((text) => /^RIP=.*$/m.exec(String(text))?.[0].trim() ?? 'does not tell');
    return `jobs of systemd: ${await answer(jobs)}\nprocessor: ${await answer(pointer)}`;
  }

  async #failed(): Promise<readonly string[]> {
    const listing = await this.#direct('systemctl list-units --failed --plain --no-legend');
    return listing.stdout
      .split('\n')
      .map((line) => line.split(' ')[0] ?? '')
      .filter((unit) => unit !== '');
  }

  #running(): Power {
    if (this.#power === undefined) throw new Error(`${this.name} is off: boot() first`);
    return this.#power;
  }

  async #setCarrier(): Promise<void> {
    if (this.#power === undefined) return; // the next start sets it
    await this.#power.qmp.execute('set_link', { name: 'card', up: !this.#cut });
  }
}
