import { fileURLToPath } from 'node:url';
import { productVersion } from '@xtreemos/base';
import { isWaitedFor, mountInBackground, tellWaiting } from './background.ts';
import { exitStatus, sentenceOfFailure, statusOf } from './mount-failure.ts';
import { type MountOptions, parseMountArguments, usage } from './mount-options.ts';
import { serveMount } from './serve-mount.ts';

const argv = process.argv.slice(2);
if (argv.includes('--help') || argv.includes('-h')) process.stdout.write(usage);
else if (argv.includes('--version') || argv.includes('-V'))
  process.stdout.write(`mount.xtreemfs ${productVersion}\n`);
else process.exit(await run());

async function run(): Promise<number> {
  let options: MountOptions | undefined;
  try {
    options = parseMountArguments(argv);
    if (options.fake) return exitStatus.done;
    const stays = options.foreground || process.env['NOTIFY_SOCKET'] !== undefined || isWaitedFor();
    if (!stays) return await mountInBackground(fileURLToPath(import.meta.url), argv);
    await serveMount(options);
    return exitStatus.done;
  } catch (error) {
    const status = statusOf(error);
    const sentence = sentenceOfFailure(error, options);
    if (isWaitedFor()) tellWaiting(status, sentence);
    else process.stderr.write(`mount.xtreemfs: ${sentence}\n`);
    return status;
  }
}
