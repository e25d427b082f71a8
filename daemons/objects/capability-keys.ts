import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { defineEvent, type Logger, reasonOf, writeFileAtomically } from '@xtreemos/base';
import {
  type CapabilityKey,
  type CapabilityVerifier,
  capabilityKeyField,
  createCapabilityVerifier,
  type DirectoryClient,
  judgeCapabilityKey,
  type StatementSecurity,
} from '@xtreemos/xtreemfs';

const events = {
  learned: defineEvent('objects.capability-key-learned'),
  refused: defineEvent('objects.capability-key-refused'),
  notKept: defineEvent('objects.capability-keys-not-kept'),
} as const;

const mostStatements = 256;
const mostFileBytes = 16 << 20;
/** An XCap that nobody known signed has the DIR asked no more often than this, and waits no longer than that. */
const askGapMs = 1000;
const askWaitMs = 3000;

/** Whose XCaps count here. */
export interface CapabilityKeys {
  readonly verifier: CapabilityVerifier;
  /** The MRCs whose statements hold now. */
  readonly mrcs: readonly CapabilityKey[];
  /** Asks the DIR which MRCs there are, and judges what is known anew. @throws when the DIR does not answer */
  learn(): Promise<void>;
  /** After an XCap of an unknown signer. @returns whether other keys count since */
  learnOfUnknown(): Promise<boolean>;
  /** Judges what is known anew: certificates are revoked, statements end. */
  judge(): void;
}

export interface CapabilityKeysOptions {
  readonly directory: Pick<DirectoryClient, 'servicesOf'>;
  /** Undefined: plain text. */
  readonly security: Pick<StatementSecurity, 'vo' | 'trust'> | undefined;
  /** Keys that count whatever the DIR says. */
  readonly configured: readonly KeyObject[];
  /** Keeps statements, so that this OSD can start while the DIR is away; they are judged when they are read. */
  readonly file: string;
  readonly logger: Logger;
  readonly monotonicMs: () => number;
}

interface Statement {
  readonly uuid: string;
  readonly text: string;
  readonly version: number;
}

export async function openCapabilityKeys(options: CapabilityKeysOptions): Promise<CapabilityKeys> {
  const { directory, security, configured, logger } = options;
  /** The newest of each MRC, whether it holds now or not: an older one is never taken instead. */
  const statements = new Map<string, Statement>();
  const refusedTexts = new Map<string, string>();
  let mrcs: readonly CapabilityKey[] = [];
  let asking: Promise<void> | undefined;
  let askedMs = Number.NEGATIVE_INFINITY;
  const verifier = createCapabilityVerifier(() => [...configured, ...mrcs.map(({ key }) => key)]);
  const keysText = () => mrcs.map(({ mrcUuid, version }) => `${mrcUuid} ${version}`).join();

  function judge(): void {
    const before = keysText();
    mrcs = [...statements.values()].flatMap(({ uuid, text }) => {
      try {
        return [judgeCapabilityKey(text, uuid, security)];
      } catch (error) {
        tellRefused(uuid, text, error);
        return [];
      }
    });
    if (keysText() !== before) verifier.forget();
  }

  function tellRefused(uuid: string, text: string, error: unknown): void {
    if (refusedTexts.get(uuid) === text) return;
    if (refusedTexts.size >= mostStatements) refusedTexts.clear();
    refusedTexts.set(uuid, text);
    logger.warning(events.refused, `XCaps of MRC ${uuid} do not count: ${reasonOf(error)}`, { mrc: uuid });
  }

  /** @returns whether it is newer than what was known of the MRC */
  function take(uuid: string, text: string): boolean {
    let stated: CapabilityKey;
    try {
      stated = judgeCapabilityKey(text, uuid, security);
    } catch (error) {
      tellRefused(uuid, text, error);
      return false;
    }
    const { hostGuid, hostname, version } = stated;
    const id = `${hostGuid ?? ''} ${uuid}`;
    const known = statements.get(id);
    if (known?.text === text || (known !== undefined && known.version > version)) return false;
    if (known === undefined && statements.size >= mostStatements) return false;
    statements.set(id, { uuid, text, version });
    refusedTexts.delete(uuid);
    if (known === undefined)
      logger.info(events.learned, `XCaps of MRC ${uuid} count, as ${hostname ?? 'plain text'} states`, {
        mrc: uuid,
      });
    return true;
  }

  async function learn(): Promise<void> {
    askedMs = options.monotonicMs();
    let isNewer = false;
    for (const { uuid, data } of await directory.servicesOf('mrc')) {
      const text = data[capabilityKeyField];
      if (text !== undefined && take(uuid, text)) isNewer = true;
    }
    judge();
    if (isNewer && security !== undefined) await keep();
  }

  async function keep(): Promise<void> {
    const held = new Set(mrcs.map(({ mrcUuid }) => mrcUuid));
    const lines = [...statements.values()].filter(({ uuid }) => held.has(uuid));
    try {
      await writeFileAtomically(options.file, lines.map(({ uuid, text }) => `${uuid} ${text}\n`).join(''));
    } catch (error) {
      logger.warning(events.notKept, `Cannot keep the MRCs' statements: ${reasonOf(error)}`);
    }
  }

  async function learnOnce(): Promise<void> {
    asking ??= learn().finally(() => {
      asking = undefined;
    });
    await asking;
  }

  if (security !== undefined) for (const [uuid, text] of await readKept(options.file)) take(uuid, text);
  judge();
  return {
    verifier,
    get mrcs() {
      return mrcs;
    },
    learn: learnOnce,
    async learnOfUnknown() {
      const before = keysText();
      if (asking === undefined && options.monotonicMs() - askedMs < askGapMs) return false;
      let giveUp: NodeJS.Timeout | undefined;
      const limit = new Promise<void>((resolve) => {
        giveUp = setTimeout(resolve, askWaitMs);
      });
      // The XCap is refused as it would be if the DIR knew no more; the heartbeat tells that it is away.
      await Promise.race([learnOnce().catch(() => undefined), limit]);
      clearTimeout(giveUp);
      return keysText() !== before;
    },
    judge,
  };
}

/** What cannot be read is had from the DIR again. */
async function readKept(file: string): Promise<readonly (readonly [string, string])[]> {
  const text = await readFile(file, 'latin1').catch(() => '');
  if (text.length > mostFileBytes) return [];
  return text.split('\n').flatMap((line) => {
    const [uuid, statement] = line.split(' ');
    return uuid !== undefined && statement !== undefined ? [[uuid, statement] as const] : [];
  });
}
