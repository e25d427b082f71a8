import type { Certificate } from './certificate.ts';
import { unbuilt } from './unbuilt.ts';

/** Which subjects a CA may sign, by OpenSSL oneline name; `*` matches any run of characters, `?` one. */
export interface SigningPolicy {
  readonly rules: readonly {
    /** Oneline name of the CA. */
    readonly authority: string;
    readonly subjectPatterns: readonly string[];
  }[];
}

/** Reads a `.signing_policy` file (EACL grammar). Errors: XOS_IDENTITY_MALFORMED with the line. */
export function parseSigningPolicy(text: string): SigningPolicy {
  return unbuilt(`parseSigningPolicy ${text.length}`);
}

/** Reads a `.namespaces` file. Errors: XOS_IDENTITY_MALFORMED with the line. */
export function parseNamespaces(text: string): SigningPolicy {
  return unbuilt(`parseNamespaces ${text.length}`);
}

/** The text of a `.signing_policy` file. */
export function renderSigningPolicy(policy: SigningPolicy): string {
  return unbuilt(`renderSigningPolicy ${policy.rules.length}`);
}

/** What the architecture lets one of our authorities sign: a root all of `/O=XtreemOS/`, an intermediate its VO's subjects. */
export function defaultSubjectPatterns(certificate: Certificate): readonly string[] {
  return unbuilt(`defaultSubjectPatterns ${certificate.fingerprint}`);
}
