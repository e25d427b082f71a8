/** Bills of material in the format CycloneDX 1.6 (ECMA-424), as JSON. */
import { createHash } from 'node:crypto';

export interface Component {
  readonly type: 'application' | 'library' | 'platform' | 'file';
  readonly 'bom-ref': string;
  readonly name: string;
  readonly group?: string;
  readonly version?: string;
  readonly hashes?: readonly { readonly alg: 'SHA-256' | 'SHA-512'; readonly content: string }[];
  readonly licenses?: readonly (
    | { readonly license: { readonly id: string } }
    | { readonly expression: string }
  )[];
  readonly purl?: string;
  readonly components?: readonly Component[];
}

export interface Dependency {
  readonly ref: string;
  readonly dependsOn: readonly string[];
}

/**
 * A whole document. It says nothing that another build of the same sources would say differently: its serial number follows
 * from what it describes.
 * @param secondsSinceEpoch the time of the sources.
 */
export function billOfMaterials(
  subject: Component,
  components: readonly Component[],
  dependencies: readonly Dependency[],
  secondsSinceEpoch: number,
): object {
  const digest = createHash('sha256')
    .update(JSON.stringify([subject, components, dependencies]))
    .digest('hex');
  // RFC 9562, version 8: the layout of the bits is ours.
  const variant = ((Number.parseInt(digest.slice(16, 17), 16) & 3) | 8).toString(16);
  const serial = [
    digest.slice(0, 8),
    digest.slice(8, 12),
    `8${digest.slice(13, 16)}`,
    `${variant}${digest.slice(17, 20)}`,
    digest.slice(20, 32),
  ].join('-');
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${serial}`,
    version: 1,
    metadata: {
      timestamp: new Date(secondsSinceEpoch * 1000).toISOString(),
      lifecycles: [{ phase: 'build' }],
      component: subject,
      supplier: { name: 'XtreemOS' },
    },
    components,
    dependencies,
  };
}

export function licenses(spdx: string): NonNullable<Component['licenses']> {
  return /[ ()]/.test(spdx) ? [{ expression: spdx }] : [{ license: { id: spdx } }];
}
