import { writeFileSync } from 'node:fs';
import { cHeader } from './generate-c.ts';
import { crcTablesHeader } from './generate-crc.ts';
import { typescriptCodec } from './generate-typescript.ts';

/** What `node packages/module-protocol/generate.ts` writes, by file name beneath `generated/`. */
export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['xos_module_protocol.h', cHeader()],
    ['xos_crc32c_tables.h', crcTablesHeader()],
    ['codec.ts', typescriptCodec()],
  ]);
}

if (import.meta.main) {
  for (const [name, text] of generatedFiles()) {
    writeFileSync(new URL(`generated/${name}`, import.meta.url), text);
  }
}
