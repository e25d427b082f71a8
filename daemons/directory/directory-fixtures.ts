import { join } from 'node:path';
import { type Cleanup, ServerProcess, testAddress } from '../../packages/xtreemfs/server-process-fixture.ts';

/** The DIR as a process, in plain text on loopback. For tests. */
export function startDirectoryProcess(
  context: Cleanup,
  /** Of section Directory. */
  settings: readonly string[] = [],
): Promise<ServerProcess> {
  return ServerProcess.start(context, join(import.meta.dirname, 'main.ts'), (folder, port) => [
    '[Directory]',
    `Listen=${testAddress()}:${port}`,
    `StateDirectory=${folder}`,
    ...settings,
    '[Security]',
    'AllowPlainText=yes',
  ]);
}
