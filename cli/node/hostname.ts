import { execFile } from 'node:child_process';
import { hostname } from 'node:os';
import { promisify } from 'node:util';

/** The fully qualified name of this host: hostname(1) --fqdn asks the resolver, which node's own functions do not. */
export async function thisHostname(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('hostname', ['--fqdn'], { timeout: 5000 });
    const name = stdout.trim().toLowerCase();
    if (name.includes('.')) return name;
  } catch {
    // No such program or no answer of the resolver: the kernel's name is what remains.
  }
  return hostname().toLowerCase();
}
