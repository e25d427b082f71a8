/** The calls of XtreemFS 1.5 and 1.6 that its clients send for a mounted volume; those that make and remove volumes are in volume-calls.ts. */
import { servePathAttributes } from './path-attribute-calls.ts';
import type { PathCallParts } from './path-call.ts';
import { servePathFiles } from './path-file-calls.ts';
import { servePathListing } from './path-listing-call.ts';
import { servePathTree } from './path-tree-calls.ts';

export function servePaths(parts: PathCallParts): void {
  servePathTree(parts);
  servePathListing(parts);
  servePathAttributes(parts);
  servePathFiles(parts);
}
