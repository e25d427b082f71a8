/** A flame graph of a CPU profile of Node (`--cpu-prof`): what ran under what, as wide as it took long, the deepest on top. */

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  /** Microseconds of CLOCK_MONOTONIC. */
  readonly startTime: number;
  readonly samples: readonly number[];
  /** Microseconds since the sample before. */
  readonly timeDeltas: readonly number[];
}

/** What ran, and below it what it called; recursion and calls from different lines of one function fall together. */
export interface Flame {
  readonly name: string;
  readonly url: string;
  selfUs: number;
  totalUs: number;
  readonly callees: Map<string, Flame>;
}

const newFlame = (name: string, url: string): Flame => ({
  name,
  url,
  selfUs: 0,
  totalUs: 0,
  callees: new Map(),
});

/** Samples between two moments of CLOCK_MONOTONIC, in microseconds; time in which nothing was to be done is left out. */
export function flameOf(profile: CpuProfile, fromUs = 0, toUs = Number.POSITIVE_INFINITY): Flame {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const callers = new Map(
    profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])),
  );
  const root = newFlame('all', '');
  let atUs = profile.startTime;
  for (const [index, id] of profile.samples.entries()) {
    const tookUs = Math.max(profile.timeDeltas[index] ?? 0, 0);
    atUs += tookUs;
    if (atUs < fromUs || atUs > toUs || nodes.get(id)?.callFrame.functionName === '(idle)') continue;
    const stack: ProfileNode[] = [];
    for (let at: number | undefined = id; at !== undefined; at = callers.get(at)) {
      const node = nodes.get(at);
      if (node !== undefined && callers.has(at)) stack.push(node);
    }
    let flame = root;
    flame.totalUs += tookUs;
    for (const { callFrame } of stack.reverse()) {
      const name = callFrame.functionName || '(anonymous)';
      const key = `${name} ${callFrame.url}`;
      let callee = flame.callees.get(key);
      if (callee === undefined) {
        callee = newFlame(name, callFrame.url);
        flame.callees.set(key, callee);
      }
      flame = callee;
      flame.totalUs += tookUs;
    }
    flame.selfUs += tookUs;
  }
  return root;
}

const widthPx = 1200;
const rowPx = 17;
const letterPx = 6.6;
const leastPx = 1;

/** @param heading stands above the graph. @returns an SVG document; a tooltip tells of each box its file and share */
export function drawFlame(root: Flame, heading: string): string {
  const boxes: string[] = [];
  const depth = depthOf(root);
  const scale = widthPx / Math.max(root.totalUs, 1);
  const draw = (flame: Flame, x: number, level: number): void => {
    const width = flame.totalUs * scale;
    if (width < leastPx) return;
    boxes.push(boxOf(flame, root, { x, y: (depth - level + 1) * rowPx, width }));
    let at = x;
    for (const callee of [...flame.callees.values()].sort((one, other) => other.totalUs - one.totalUs)) {
      draw(callee, at, level + 1);
      at += callee.totalUs * scale;
    }
  };
  draw(root, 0, 1);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${widthPx}" height="${(depth + 2) * rowPx}" font-family="monospace" font-size="11">`,
    `<title>${escaped(heading)}</title>`,
    `<text x="4" y="13">${escaped(heading)}</text>`,
    ...boxes,
    '</svg>\n',
  ].join('\n');
}

function boxOf(
  { name, url, totalUs, selfUs }: Flame,
  root: Flame,
  { x, y, width }: { readonly x: number; readonly y: number; readonly width: number },
): string {
  const share = (us: number) => `${((us / Math.max(root.totalUs, 1)) * 100).toFixed(1)} %`;
  const place =
    url === ''
      ? ''
      : ` (${url.replace(/^file:\/\/.*?\/(?=(bench|daemons|native|node_modules|packages)\/)/, '')})`;
  const letters = Math.floor((width - 4) / letterPx);
  const label = letters < 3 ? '' : name.length <= letters ? name : `${name.slice(0, letters - 1)}…`;
  const text = label === '' ? '' : `<text x="${(x + 2).toFixed(1)}" y="${y + 12}">${escaped(label)}</text>`;
  return (
    `<g><title>${escaped(`${name}${place}: ${share(totalUs)}, itself ${share(selfUs)}`)}</title>` +
    `<rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${rowPx - 1}" fill="${colourOf(url)}"/>${text}</g>`
  );
}

/** The project's own code, packages of others, Node's, and what is native or the garbage collector's. */
function colourOf(url: string): string {
  if (url.includes('/node_modules/')) return '#f2c879';
  if (url.startsWith('file:')) return '#f08a5d';
  return url === '' ? '#b8b8b8' : '#8fb8de';
}

function depthOf(flame: Flame): number {
  return 1 + Math.max(0, ...[...flame.callees.values()].map(depthOf));
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
}
