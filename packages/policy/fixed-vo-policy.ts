import type { PolicyEvaluator } from './decision.ts';

/**
 * The VO side until VOs send policy bundles: active members may do everything. It takes the VO id so that a request
 * about another VO's member, a mistake of the caller, is refused instead of judged by the wrong VO's rule.
 */
export function activeMembersPolicy(vo: string): PolicyEvaluator {
  return {
    name: `VO ${vo}`,
    evaluate({ principal }) {
      if (principal.vo !== vo) {
        return { allowed: false, reason: `${principal.globalUserId} is not of this VO` };
      }
      return principal.activeMember
        ? { allowed: true, reason: `${principal.user} is an active member` }
        : { allowed: false, reason: `${principal.user} is not an active member` };
    },
  };
}
