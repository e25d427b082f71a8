import { setImmediate as othersTurn } from 'node:timers/promises';
import { defineEvent, type Logger } from '@xtreemos/base';
import { nodeCalls, RpcError, type RpcServer } from '@xtreemos/rpc';
import { answered, required } from './call-refusal.ts';
import { refusal } from './errno-error.ts';
import { findingMessage } from './finding-message.ts';
import { type CheckFindings, checkVolume, type VolumeCheckParts } from './volume-check.ts';
import type { CheckProgress, CheckStep, Finding } from './volume-check-step.ts';

const events = { checked: defineEvent('metadata.volume-checked') } as const;

/** A call works on the check for so long, or until an OSD that it waits for answers. */
const sliceMs = 500;
/** Who does not ask any more has gone away. */
const forgottenAfterMs = 60_000;
const findingsAtOnce = 1000;

export interface VolumeCheckCallParts<Peer> extends VolumeCheckParts {
  readonly server: RpcServer<Peer>;
  readonly logger: Logger;
  readonly isAdministrator: (peer: Peer) => boolean;
  readonly nameOf: (peer: Peer) => string;
}

interface RunningCheck {
  readonly number: number;
  readonly steps: CheckStep<CheckFindings>;
  readonly forget: NodeJS.Timeout;
  progress: CheckProgress;
  result: CheckFindings | undefined;
}

/** `check_volume`: a check goes on only while somebody asks for it. */
export function serveVolumeCheck<Peer>(parts: VolumeCheckCallParts<Peer>): void {
  const { server, files, logger } = parts;
  let running: RunningCheck | undefined;
  let last = 0;

  server.serve(nodeCalls.checkVolume, ({ volumeName, check, content, after }, { peer }) =>
    answered(async () => {
      if (!parts.isAdministrator(peer))
        throw new RpcError(
          'user',
          'volumes are checked by the administrator of the MRC’s host, at its admin socket',
        );
      const name = required(volumeName, 'volume_name');
      if (check === 0n) begin(name, content);
      const own = running;
      const isOwn = own !== undefined && (check === 0n || own.number === Number(check));
      if (!isOwn) throw refusal('ESTALE', 'another check began, or nobody asked for this one for a minute');
      own.forget.refresh();
      const endAndThrow = (error: unknown): never => {
        end(own);
        throw error;
      };
      if (own.result === undefined && (await goOn(own).catch(endAndThrow))) {
        const { length: count } = findingsOf(own);
        logger.info(events.checked, `Volume ${name} is checked: ${count} findings`, {
          volume: name,
          findings: count,
          by: parts.nameOf(peer),
        });
      }
      return { response: answerOf(own, after) };
    }),
  );

  function begin(name: string, content: boolean): void {
    const volume = files.parts.volumes.named(name);
    if (running !== undefined) end(running);
    last += 1;
    const begun: RunningCheck = {
      number: last,
      steps: checkVolume(parts, volume, content),
      forget: setTimeout(() => end(begun), forgottenAfterMs).unref(),
      progress: { step: '', done: 0, total: 0 },
      result: undefined,
    };
    running = begun;
  }

  function end(check: RunningCheck): void {
    if (running === check) running = undefined;
    clearTimeout(check.forget);
    // Of no interest any more, like what it fails with.
    check.steps.return({ findings: [], leftOut: 0 }).catch(() => undefined);
  }
}

/** @returns whether it came to its end */
async function goOn(check: RunningCheck): Promise<boolean> {
  const untilMs = performance.now() + sliceMs;
  while (performance.now() < untilMs) {
    const step = await check.steps.next();
    if (step.done === true) {
      check.result = step.value;
      return true;
    }
    check.progress = step.value;
    await othersTurn();
  }
  return false;
}

function findingsOf({ result }: RunningCheck): readonly Finding[] {
  return result?.findings ?? [];
}

function answerOf(check: RunningCheck, after: number) {
  const { number, progress, result } = check;
  return {
    check: BigInt(number),
    step: progress.step,
    done: BigInt(progress.done),
    total: BigInt(progress.total),
    finished: result !== undefined,
    findings: findingsOf(check)
      .slice(after, after + findingsAtOnce)
      .map(findingMessage),
    leftOut: BigInt(result?.leftOut ?? 0),
  };
}
