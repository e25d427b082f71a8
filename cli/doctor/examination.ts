import { reasonOf } from '@xtreemos/base';
import type { Check } from './check.ts';
import type { ExaminedHost } from './examined-host.ts';
import { type Finding, type FindingState, unchecked, worst } from './finding.ts';
import { withinOwnTime } from './own-time.ts';

export interface CheckResult {
  readonly name: string;
  readonly state: FindingState;
  readonly findings: readonly Finding[];
  readonly tookMs: number;
}

/** No check may take longer; what it has not found by then it does not find. */
export const checkTimeoutMs = 5_000;

/** All checks side by side, results in the order given. Never rejects. */
export async function examine(
  host: ExaminedHost,
  checks: readonly Check[],
  timeoutMs: number = checkTimeoutMs,
): Promise<readonly CheckResult[]> {
  return Promise.all(checks.map((check) => examineOne(host, check, timeoutMs)));
}

async function examineOne(host: ExaminedHost, check: Check, timeoutMs: number): Promise<CheckResult> {
  const startedAt = performance.now();
  let findings: readonly Finding[];
  try {
    findings = await withinOwnTime(timeoutMs, check.examine(host), () => [
      unchecked(
        `no result within ${timeoutMs / 1000} s`,
        `run \`xos doctor ${check.name}\` again when the host has less to do`,
      ),
    ]);
  } catch (error) {
    findings = [unchecked(whyNot(error))];
  }
  const tookMs = Math.round(performance.now() - startedAt);
  return { name: check.name, state: worst(findings), findings, tookMs };
}

function whyNot(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EACCES' || code === 'EPERM') return `needs root (${reasonOf(error)})`;
  return reasonOf(error);
}
