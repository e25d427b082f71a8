/** Journals and screens, kept for whoever looks into a failure. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export interface Recorded {
  readonly name: string;
  journal(): Promise<string>;
  /** What the console has shown, one text per boot. */
  screens(): readonly string[];
}

export async function keepRecords(folder: string, all: readonly Recorded[]): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const one of all) {
    const journal = await one.journal().catch((error: unknown) => `${String(error)}\n`);
    writeFileSync(path.join(folder, `${one.name}.journal`), journal);
    writeFileSync(path.join(folder, `${one.name}.screen`), one.screens().join('\n--- power on\n'));
  }
}
