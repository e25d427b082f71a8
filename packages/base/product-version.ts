import { readFileSync } from 'node:fs';

/** Built into bundles (packaging/bundle.ts). */
declare const XOS_VERSION: string | undefined;

/** The version of the product: that of the installed packages, or of the checkout that runs as it is. */
export const productVersion: string = typeof XOS_VERSION === 'string' ? XOS_VERSION : versionOfCheckout();

function versionOfCheckout(): string {
  const manifest = new URL('../../package.json', import.meta.url);
  return String((JSON.parse(readFileSync(manifest, 'utf8')) as { readonly version: unknown }).version);
}
