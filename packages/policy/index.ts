export type { AccessAction, AccessRequest, Principal } from './access-request.ts';
export { type Decision, decide, type PolicyEvaluator, type Verdict } from './decision.ts';
export { activeMembersPolicy } from './fixed-vo-policy.ts';
export { type DenyEntry, parseDenyEntry, siteDenyList } from './site-deny-list.ts';
