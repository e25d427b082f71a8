/** From power on to the shell of a local user on the console: Debian alone, a resource node, one whose head node is away. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type Host, hosts } from './hosts.ts';
import { installPackages, joinDemo, median, timeLocalLogin } from './resource-node.ts';

const limitMs = 1000;

/**
 * Fails when a resource node, with or without its head node, takes a second longer than Debian alone, by the medians of so many
 * boots. The three take turns, so that a machine that grows slower does so for all of them.
 */
export async function compareBoots(t: TestContext, boots: number): Promise<void> {
  const [head, plain, node1] = await hosts(t, ['head', 'plain', 'node1']);
  await Promise.all([installPackages(head), installPackages(node1)]);
  await joinDemo(head, node1);
  await plain.killPower();
  await node1.killPower();

  const without: number[] = [];
  const within: number[] = [];
  const headAway: number[] = [];
  for (let count = 0; count < boots; count++) {
    without.push(await timeBoot(plain));
    within.push(await timeBoot(node1));
    // The cable is cut: no answer comes, not even a refusal.
    await head.cutNetwork();
    headAway.push(await timeBoot(node1));
    await head.restoreNetwork();
  }
  const figure = (what: string, values: readonly number[]) =>
    t.diagnostic(`boot to shell, ${what}: median of ${boots} ${median(values)} ms (${values.join(' ')})`);
  figure('Debian alone', without);
  figure('resource node', within);
  figure('resource node, head node away', headAway);
  assert.ok(median(within) - median(without) < limitMs, 'a resource node boots slower');
  assert.ok(median(headAway) - median(without) < limitMs, 'a resource node without its head boots slower');
}

async function timeBoot(host: Host): Promise<number> {
  const start = performance.now();
  await host.powerOn();
  await timeLocalLogin(host);
  const tookMs = performance.now() - start;
  await host.killPower();
  return Math.round(tookMs);
}
