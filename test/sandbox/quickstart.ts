/** The inside of ./quickstart: a one-host grid and a login prompt; with --script, descriptor 3 holds the lines to type. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { HomeGrid } from './home-grid.ts';
import { Terminal } from './terminal.ts';

const passphrase = 'correct horse battery staple';

async function main(scripted: boolean): Promise<number> {
  const lines = scripted ? readFileSync(3, 'utf8').replace(/\n$/, '').split('\n') : undefined;
  const grid = new HomeGrid('demo');
  const step = (text: string): void => console.log(`quickstart: ${text}`);
  step('starting the VO service, the helper, the account mapping service, and XtreemFS: DIR, MRC and OSD');
  await grid.start();
  step('VO demo is there, this host has joined it; its members have their homes in the XtreemFS volume home');
  await grid.enrol('alice', passphrase);
  step(`alice is a member; her certificate lies on a pretend USB stick: ${grid.stick}/alice.p12`);
  console.log(`
Log in as alice. Type these three lines, each at its prompt:

    alice@demo
    (just Enter: hers is the only certificate on the stick)
    ${passphrase}

then try: id, xos whoami, keyctl show, findmnt $HOME, xos --help. \`exit\` gives a new login prompt; Ctrl-C there ends everything.
`);
  return lines === undefined ? await offerLogins() : await typeScript(lines);
}

/** A getty's part: a new login prompt after each session, until the person presses Ctrl-C at one. */
async function offerLogins(): Promise<number> {
  for (;;) {
    const child = spawn('script', ['-qec', 'login', '/dev/null'], { stdio: 'inherit' });
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
    if (signal !== null || code === 130) return 0;
  }
}

/** @returns 0 when every line was typed at a prompt and the login session then ended well. */
async function typeScript(lines: readonly string[]): Promise<number> {
  const terminal = new Terminal('login', { onOutput: (text) => process.stdout.write(text) });
  for (const line of lines) {
    if (!(await terminal.prompt())) {
      console.error(`quickstart: the session ended before this line was typed: ${line}`);
      return 1;
    }
    terminal.type(line);
  }
  const deadline = setTimeout(() => {
    console.error('quickstart: the session goes on after the last line; end the script with "exit"');
    void terminal.close();
  }, 30_000);
  const status = await terminal.ended;
  clearTimeout(deadline);
  return status;
}

// The sandbox ends with this process, and every daemon in it.
try {
  process.exit(await main(process.argv.includes('--script')));
} catch (error) {
  console.error(`quickstart: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
