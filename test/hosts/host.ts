/** A booted Debian: its console, its power switch, its network cable, and commands run by its own systemd. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { waitFor } from '../sandbox/daemon.ts';
import { type CommandResult, command } from '../sandbox/one-host-grid.ts';
import { quoted, Terminal } from '../sandbox/terminal.ts';
import { firstProcess, mirroredCgroup, removeCgroup } from './cgroup.ts';
import { checkout, type Ground, packageFolder } from './ground.ts';
import { type RunOptions, transientService } from './transient-service.ts';

export type { RunOptions } from './transient-service.ts';

/** As the ground sees it. */
const script = '/mnt/checkout/test/hosts/host';

/** The password of root and of the user `local` on every host (test/hosts/image). */
export const localPassword = 'grid';

/** What people wait for at a terminal comes at once on an idle machine; one that does much else is given time. */
const patienceMs = 60_000;

export interface BootState {
  /** As `systemctl is-system-running` says. */
  readonly state: 'running' | 'degraded';
  /** Names of the units that failed; empty when running. */
  readonly failedUnits: readonly string[];
  /** From power on to the end of systemd's first transaction. */
  readonly bootMs: number;
}

export class Host {
  readonly name: string;
  /** 10.77.0.NUMBER */
  readonly address: string;
  readonly #number: number;
  readonly #ground: Ground;
  readonly #cgroup: string;
  readonly #screens: string[] = [];
  #console: Terminal | undefined;
  #cut = false;
  /** Numbers of the hosts that it is cut off from. */
  readonly #cutFrom = new Set<number>();

  constructor(ground: Ground, name: string, number: number) {
    this.#ground = ground;
    this.#number = number;
    this.#cgroup = path.join(ground.cgroup, name);
    this.name = name;
    this.address = `10.77.0.${number}`;
  }

  /**
   * Makes disk and identity. @param layers folders as the ground sees them, the uppermost first.
   * @param neighbours names and numbers of all hosts, for /etc/hosts.
   */
  async prepare(layers: readonly string[], neighbours: ReadonlyMap<string, number>): Promise<void> {
    const list = [...neighbours].map(([name, number]) => `${name}=${number}`);
    await this.#ground.run(script, 'prepare', this.name, layers.join(':'), ...list);
  }

  /** Power on, and nothing more: the console may be watched from its first line. */
  async powerOn(): Promise<void> {
    if (this.#console !== undefined) throw new Error(`${this.name} is already on`);
    await this.#clear(); // it may have switched itself off
    mkdirSync(this.#cgroup, { recursive: true });
    const carrier = this.#cut ? 'down' : 'up';
    const boot = this.#ground.words([
      script,
      'start',
      this.name,
      `${this.#number}`,
      carrier,
      ...this.#cutNumbers(),
    ]);
    // The shell joins the host's cgroup, which systemd-nspawn then divides.
    const terminal = new Terminal(`echo 0 >${this.#cgroup}/cgroup.procs; exec ${boot.join(' ')}`, {
      patienceMs,
    });
    this.#console = terminal;
    void terminal.ended.then(() => {
      this.#screens.push(terminal.screen);
      this.#console = undefined;
    });
  }

  /** Power on, then waits until systemd is done. @throws Error with the console's screen when it is not in time. */
  async boot(timeoutMs = 120_000): Promise<BootState> {
    const start = performance.now();
    await this.powerOn();
    return { ...(await this.settled(timeoutMs)), bootMs: Math.round(performance.now() - start) };
  }

  /** After powerOn(): waits until systemd is done. @throws Error with the console's screen when it is not in time. */
  async settled(timeoutMs = 120_000): Promise<Omit<BootState, 'bootMs'>> {
    const terminal = this.console();
    let state = '';
    try {
      await waitFor(
        async () => {
          if (this.#console !== terminal) throw new Error('it ended');
          const leader = this.#leader();
          if (leader === undefined) return false;
          const words = this.#ground.wordsBeside(leader, ['systemctl', 'is-system-running', '--wait']);
          state = (await command(words, { timeoutMs })).stdout.trim();
          return state === 'running' || state === 'degraded';
        },
        timeoutMs,
        `systemd says "${state}"`,
      );
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`${this.name} did not boot: ${why}\n${terminal.screen}`, { cause: error });
    }
    return { state: state === 'running' ? 'running' : 'degraded', failedUnits: await this.#failed() };
  }

  /**
   * Runs a shell command line as a transient service of the host's systemd: in a unit, a cgroup and an environment of its
   * own, as nothing started from outside would be. Never throws for its exit status.
   */
  async run(line: string, options: RunOptions = {}): Promise<CommandResult> {
    const timeoutMs = options.timeoutMs ?? 60_000;
    const unit = transientService(line, { ...options, timeoutMs });
    const words = this.#ground.wordsBeside(this.#running(), unit);
    const input = options.input === undefined ? {} : { input: options.input };
    return await command(words, { ...input, timeoutMs: timeoutMs + 5_000 });
  }

  /** Runs a command line that has to succeed. @returns its standard output. @throws Error with all it printed. */
  async succeed(line: string, options: RunOptions = {}): Promise<string> {
    const result = await this.run(line, options);
    if (result.status !== 0)
      throw new Error(`${this.name}: ${line}: status ${result.status}\n${result.stdout}${result.stderr}`);
    return result.stdout;
  }

  /** The serial console, since the last boot. getty asks there again after each session. */
  console(): Terminal {
    if (this.#console === undefined) throw new Error(`${this.name} is off: boot() first`);
    return this.#console;
  }

  /** A program on a terminal of its own, as root, beside the console: ssh to another host, top. */
  terminal(line: string): Terminal {
    const unit = ['systemd-run', '--quiet', '--pty', '--wait', '--collect', '--setenv=HOME=/root'];
    const words = this.#ground.wordsBeside(this.#running(), [...unit, '--', '/bin/sh', '-c', line]);
    return new Terminal(words.map(quoted).join(' '), { patienceMs });
  }

  /** Cuts the network cable: the host sees its carrier go, the others get no answer. It stays cut over a boot. */
  async cutNetwork(): Promise<void> {
    this.#cut = true;
    await this.#setCarrier();
  }

  async restoreNetwork(): Promise<void> {
    this.#cut = false;
    await this.#setCarrier();
  }

  /** These two get nothing from each other any more, over boots as well; everybody else still reaches both. */
  async cutFrom(other: Host): Promise<void> {
    await this.#setCut(other, true);
    await other.#setCut(this, true);
  }

  async restoreTo(other: Host): Promise<void> {
    await this.#setCut(other, false);
    await other.#setCut(this, false);
  }

  /**
   * Every process ends at once, no shutdown runs. The disk is kept for the next boot(). What the processes wrote is kept
   * too, synced or not: losing unsynced writes takes a machine (test/vm).
   */
  async killPower(): Promise<void> {
    if (this.#console === undefined) return;
    const { ended } = this.#console;
    writeFileSync(path.join(this.#cgroup, 'cgroup.kill'), '1');
    await ended;
    await this.#clear();
  }

  /** An orderly shutdown and a new boot. */
  async reboot(timeoutMs = 120_000): Promise<BootState> {
    await this.shutDown('reboot', timeoutMs);
    return await this.boot(timeoutMs);
  }

  /** An orderly shutdown. @throws Error when units keep it from ending in time; it is still on then. */
  async shutDown(how: 'poweroff' | 'reboot' = 'poweroff', timeoutMs = 60_000): Promise<void> {
    let off = false;
    void this.console().ended.then(() => {
      off = true;
    });
    await this.run(`systemctl ${how}`); // the answer may be lost with the connection
    await waitFor(() => off, timeoutMs, `${this.name} does not shut down`);
    await this.#clear();
  }

  /** The journal, of this boot and earlier ones, also when the host is off. */
  async journal(...filters: readonly string[]): Promise<string> {
    const options = ['--no-pager', '--output=short-precise', ...filters];
    const leader = this.#leader();
    let words = ['journalctl', `--directory=/mnt/hosts/${this.name}/root/var/log/journal`, ...options];
    if (leader === undefined) words = this.#ground.words(words);
    else {
      await command(this.#ground.wordsBeside(leader, ['journalctl', '--sync']));
      words = this.#ground.wordsBeside(leader, ['journalctl', ...options]);
    }
    const result = await command(words);
    if (result.status !== 0) throw new Error(`journal of ${this.name}: ${result.stderr}`);
    return result.stdout;
  }

  /** The packages of the last build as a newer version (test/hosts/newer-packages), into a folder of its disk. */
  async putNewerPackages(version: string, folder: string): Promise<void> {
    const program = '/mnt/checkout/test/hosts/newer-packages';
    const packages = path.join('/mnt/checkout', path.relative(checkout, packageFolder()));
    await this.#ground.run(program, version, packages, `/mnt/hosts/${this.name}/root${folder}`);
  }

  /** What the console has shown, one text per boot. */
  screens(): readonly string[] {
    return this.#console === undefined ? this.#screens : [...this.#screens, this.#console.screen];
  }

  async #failed(): Promise<readonly string[]> {
    const listing = await this.succeed('systemctl list-units --failed --plain --no-legend');
    return listing
      .split('\n')
      .map((line) => line.split(' ')[0] ?? '')
      .filter((unit) => unit !== '');
  }

  /** systemd, once it has moved itself to the scope it keeps for itself. */
  #leader(): number | undefined {
    return firstProcess(path.join(this.#cgroup, 'payload/init.scope'));
  }

  #running(): number {
    const leader = this.#leader();
    if (leader === undefined) throw new Error(`${this.name} is off: boot() first`);
    return leader;
  }

  async #setCut(other: Host, cut: boolean): Promise<void> {
    if (this.#cutFrom.has(other.#number) === cut) return;
    if (cut) this.#cutFrom.add(other.#number);
    else this.#cutFrom.delete(other.#number);
    if (this.#console === undefined) return; // boot() sets it
    await this.#ground.run(script, cut ? 'cut' : 'mend', this.name, `${other.#number}`);
  }

  #cutNumbers(): readonly string[] {
    return [...this.#cutFrom].map((number) => `${number}`);
  }

  async #setCarrier(): Promise<void> {
    if (this.#console === undefined) return; // boot() sets it
    await this.#ground.run('ip', 'link', 'set', `cable-${this.#number}`, this.#cut ? 'down' : 'up');
  }

  /** Leaves nothing of the last boot to the next one, nor to the other hosts. */
  async #clear(): Promise<void> {
    const gone = (): boolean => removeCgroup(this.#cgroup) && removeCgroup(mirroredCgroup(this.#cgroup));
    await waitFor(gone, 10_000, `processes of ${this.name} do not end`);
    await this.#ground.run(script, 'stop', this.name, `${this.#number}`);
  }
}
