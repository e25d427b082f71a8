import { type Certificate, maximumChainLength } from './certificate.ts';
import { namesEqual } from './distinguished-name.ts';
import { refusePath, refuseUntrusted } from './path-refusal.ts';
import { whyAlgorithmRefused } from './signature-algorithm.ts';
import type { TrustAnchor, TrustStore } from './trust-store.ts';
import { isSignedBy } from './verified-signatures.ts';

export interface BuiltPath {
  /** Leaf to root, the root included. */
  readonly path: readonly Certificate[];
  readonly root: TrustAnchor;
}

export function isSelfIssued(certificate: Certificate): boolean {
  return namesEqual(certificate.subject, certificate.issuer);
}

/** Self-issued, and not a roll-over certificate that names another key of the same CA as its issuer's. */
function isSelfSigned(certificate: Certificate): boolean {
  return isSelfIssued(certificate) && keyIdentifiersFit(certificate, certificate);
}

/** Whether the authority key identifier, where both sides have one, allows `issuer` to have issued `certificate`. */
function keyIdentifiersFit(certificate: Certificate, issuer: Certificate): boolean {
  const wanted = certificate.authorityKeyIdentifier;
  return (
    wanted === undefined ||
    issuer.subjectKeyIdentifier === undefined ||
    wanted === issuer.subjectKeyIdentifier
  );
}

/**
 * Puts the presented chain and the store together: each certificate followed by its issuer, up to a self-signed
 * certificate of the store. Signatures are verified on the way. What was presented beyond that is refused: a peer that
 * sends unrelated certificates is confused or hostile.
 */
export function buildPath(chain: readonly Certificate[], store: TrustStore): BuiltPath {
  const [leaf] = chain;
  if (leaf === undefined) throw new RangeError('an empty chain was given to validate');
  if (chain.length > maximumChainLength) {
    const reason = `${chain.length} certificates were presented, at most ${maximumChainLength} are accepted`;
    refusePath({ certificate: leaf, position: 0 }, 'chain-length', reason);
  }
  const path: Certificate[] = [leaf];
  let used = 1;
  for (;;) {
    const position = path.length - 1;
    const certificate = path[position] ?? leaf;
    const anchor = store.anchors.find(
      (candidate) => candidate.certificate.fingerprint === certificate.fingerprint,
    );
    if (anchor !== undefined && isSelfSigned(certificate)) return finish(path, anchor, chain.slice(used));
    if (certificate.proxyCertInfo === undefined) {
      const root = store
        .findBySubject(certificate.issuer)
        .find((candidate) => isRootOf(candidate, certificate));
      if (root !== undefined) return finish([...path, root.certificate], root, chain.slice(used));
    }
    if (path.length > maximumChainLength)
      refusePath({ certificate, position }, 'chain-length', 'the path is too long');
    const presented = chain[used];
    if (presented !== undefined) {
      demandIssuer(certificate, presented, position);
      path.push(presented);
      used++;
      continue;
    }
    if (certificate.proxyCertInfo !== undefined) {
      refusePath(
        { certificate, position },
        'order',
        'it is a proxy, and its issuer was not presented after it',
      );
    }
    const known = store
      .findBySubject(certificate.issuer)
      .find(
        (candidate) =>
          !path.includes(candidate.certificate) && isIssuerOf(candidate.certificate, certificate),
      );
    if (known === undefined) {
      explainUnverified(certificate, position, store);
      refuseUntrusted({ certificate, position });
    }
    path.push(known.certificate);
  }
}

function isIssuerOf(issuer: Certificate, certificate: Certificate): boolean {
  return keyIdentifiersFit(certificate, issuer) && isSignedBy(certificate, issuer);
}

function isRootOf(candidate: TrustAnchor, certificate: Certificate): boolean {
  return isSelfSigned(candidate.certificate) && isIssuerOf(candidate.certificate, certificate);
}

/** A CA of the right name stands in the store, but did not verify: say that instead of calling it unknown. */
function explainUnverified(certificate: Certificate, position: number, store: TrustStore): void {
  const namesake = store.findBySubject(certificate.issuer).find((one) => one.certificate !== certificate);
  if (namesake !== undefined && !isSelfIssued(certificate))
    demandIssuer(certificate, namesake.certificate, position);
}

/** Refuses unless `issuer` by name, key identifier and signature issued `certificate`. */
function demandIssuer(certificate: Certificate, issuer: Certificate, position: number): void {
  const place = { certificate, position };
  if (!namesEqual(certificate.issuer, issuer.subject)) {
    const reason = `it was issued by ${certificate.issuer.rfc4514}, but the certificate after it is that of ${issuer.subject.rfc4514}`;
    refusePath(place, 'order', reason);
  }
  if (!keyIdentifiersFit(certificate, issuer)) {
    const reason = `it names key ${certificate.authorityKeyIdentifier} as its issuer's, ${issuer.subject.rfc4514} has ${issuer.subjectKeyIdentifier}`;
    refusePath(place, 'order', reason);
  }
  const whyRefused = whyAlgorithmRefused(certificate.signatureAlgorithm);
  if (whyRefused !== undefined) refusePath(place, 'algorithm', `its ${whyRefused}`);
  if (issuer.keyDescription.kind === 'unsupported') {
    const reason = `the key of ${issuer.subject.rfc4514} is ${issuer.keyDescription.algorithm}, which is not accepted`;
    refusePath({ certificate: issuer, position: position + 1 }, 'key', reason);
  }
  if (!isSignedBy(certificate, issuer)) {
    refusePath(place, 'signature', `its signature is not by the key of ${issuer.subject.rfc4514}`);
  }
}

function finish(path: readonly Certificate[], root: TrustAnchor, rest: readonly Certificate[]): BuiltPath {
  // A peer may send the root itself, also in another edition than the store's; nothing else.
  const [extra, ...more] = rest;
  const isRootAgain =
    extra !== undefined && isSelfIssued(extra) && namesEqual(extra.subject, root.certificate.subject);
  const unused = isRootAgain ? more[0] : extra;
  if (unused !== undefined) {
    refusePath(
      { certificate: unused, position: path.length },
      'order',
      'it was presented, but belongs to no place in the path',
    );
  }
  return { path, root };
}
