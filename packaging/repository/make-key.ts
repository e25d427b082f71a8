/** Makes a key that signs repositories; packaging/repository/key calls it, and says what the options mean. */
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { algorithms, makeKey, Signer } from './signing-key.ts';

async function main(words: string[]): Promise<void> {
  const { values } = parseArgs({
    args: words,
    options: {
      out: { type: 'string' },
      name: { type: 'string', default: 'XtreemOS package repository' },
      email: { type: 'string' },
      algorithm: { type: 'string', default: 'rsa3072' },
      'valid-days': { type: 'string', default: '1095' },
      'passphrase-file': { type: 'string' },
    },
  });
  const { out, email } = values;
  if (out === undefined || email === undefined) throw new Error('--out FILE and --email ADDRESS are needed');
  const algorithm = algorithms.find((name) => name === values.algorithm);
  if (algorithm === undefined) throw new Error(`--algorithm: one of ${algorithms.join(', ')}`);
  const validDays = Number(values['valid-days']);
  if (!Number.isInteger(validDays) || validDays < 0 || validDays > 7300)
    throw new Error('--valid-days: a whole number from 0 (for ever) to 7300');
  const file = values['passphrase-file'];
  const passphrase = file === undefined ? undefined : (await readFile(file, 'utf8')).replace(/\r?\n$/, '');
  if (passphrase === '') throw new Error('the passphrase is empty');
  const now = new Date();
  const key = await makeKey({
    name: values.name,
    email,
    algorithm,
    validDays: validDays === 0 ? undefined : validDays,
    passphrase,
    now,
  });
  // Reading it back proves that the passphrase opens it.
  const signer = await Signer.open(key.privateKey, passphrase, new Date());
  await writeFile(out, key.privateKey, { mode: 0o600, flag: 'wx' });
  await writeFile(`${out}.revocation`, key.revocation, { mode: 0o600, flag: 'wx' });
  await writeFile(`${out}.public`, signer.publicKey.armor(), { flag: 'wx' });
  console.log(`${out}: the private key, fingerprint ${signer.fingerprint}`);
  console.log(`${out}.public: the public key; ${out}.revocation: keep it elsewhere, it revokes the key`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(`packaging/repository/key: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
