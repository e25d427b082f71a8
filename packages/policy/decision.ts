import type { AccessRequest } from './access-request.ts';

/** One evaluation. The reason is one sentence for the log and, when refused, for the administrator. */
export interface Verdict {
  readonly allowed: boolean;
  readonly reason: string;
}

/**
 * Decides one request from what is in it, without I/O. It may be built from a VO's signed bundle or from a site's
 * file. Throwing counts as a refusal: a broken policy must not let anyone in.
 */
export interface PolicyEvaluator {
  /** Names the policy in logs, for instance `members of physics.example` or `accounts.conf`. */
  readonly name: string;
  evaluate(request: AccessRequest): Verdict;
}

export interface Decision {
  readonly allowed: boolean;
  /** The refusing policy's sentence, or both sentences when both allow. */
  readonly reason: string;
  /** Who refused; absent when allowed. A VO's refusal is named first when both refuse. */
  readonly refusedBy?: 'vo' | 'site';
  readonly vo: Verdict;
  readonly site: Verdict;
}

/**
 * Asks the VO's policy and the site's; both must allow. Both are always evaluated, so that the log shows every
 * objection at once and the time taken does not tell which of them refused.
 */
export function decide(vo: PolicyEvaluator, site: PolicyEvaluator, request: AccessRequest): Decision {
  const voVerdict = verdictOf(vo, request);
  const siteVerdict = verdictOf(site, request);
  const refused = !voVerdict.allowed ? voVerdict : !siteVerdict.allowed ? siteVerdict : undefined;
  if (refused === undefined) {
    return {
      allowed: true,
      reason: `${voVerdict.reason}; ${siteVerdict.reason}`,
      vo: voVerdict,
      site: siteVerdict,
    };
  }
  return {
    allowed: false,
    reason: refused.reason,
    refusedBy: refused === voVerdict ? 'vo' : 'site',
    vo: voVerdict,
    site: siteVerdict,
  };
}

function verdictOf(policy: PolicyEvaluator, request: AccessRequest): Verdict {
  try {
    const verdict = policy.evaluate(request);
    return { allowed: verdict.allowed === true, reason: `${policy.name}: ${verdict.reason}` };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { allowed: false, reason: `${policy.name}: evaluation failed, refused: ${why}` };
  }
}
