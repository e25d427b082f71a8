import type { Vo } from '@xtreemos/vo-client';
import type { Invocation, Perform } from '../invocation.ts';
import { countValue, voValue } from '../option-values.ts';
import { fields } from '../output/fields.ts';
import type { Report } from '../output/report.ts';
import { stableJson } from '../output/stable-json.ts';
import { table } from '../output/table.ts';
import { momentText, timeText } from '../output/time-text.ts';
import { confirmByName } from '../prompt/confirmation.ts';
import { readRootKey } from '../root-key.ts';
import { addSignInOptions, type ConnectionOptions, withVoClient } from '../vo-connection.ts';
import { addCommand, type XosCommand } from '../xos-command.ts';
import { addVoAdmissionCommands } from './vo-admission.ts';
import { addVoJoinCommands } from './vo-join.ts';
import { addVoMemberCommands } from './vo-member.ts';
import { addVoRevokeCommands } from './vo-revoke.ts';
import { addVoRootCommands } from './vo-root.ts';
import { addVoStructureCommands } from './vo-structure.ts';

/** `xos vo`: Virtual Organizations, as their administrator and as a person who wants to join. */
export function addVoCommands(program: XosCommand, perform: Perform): void {
  const vo = addCommand(program, 'vo', {
    summary: 'make and administer Virtual Organizations',
    description:
      'Make and administer Virtual Organizations. Root on the host of the VO service acts as its local administrator; ' +
      'anybody else signs in with a certificate.',
  });
  addLifeCycle(vo, perform);
  addVoJoinCommands(vo, perform);
  addVoAdmissionCommands(vo, perform);
  addVoMemberCommands(vo, perform);
  addVoStructureCommands(vo, perform);
  addVoRevokeCommands(vo, perform);
  addVoRootCommands(vo, perform);
  addAudit(vo, perform);
}

interface CreateOptions extends ConnectionOptions {
  readonly description?: string;
  readonly ownRoot?: boolean;
  readonly domain?: string;
  readonly rootKey?: string;
  readonly rootPassphraseFile?: string;
}

function addLifeCycle(vo: XosCommand, perform: Perform): void {
  addSignInOptions(
    addCommand(vo, 'create', {
      summary: 'make a VO',
      description:
        'Make a VO with its two authorities, CDA and RCA. Only the local administrator of the service may.',
      examples: [
        ['xos vo create physics.example.org', "below the service's default root"],
        ['xos vo create chemistry.example.org --own-root', 'with a trust root of its own'],
      ],
    })
      .argument('<vo>', 'id of the VO, a DNS name', voValue)
      .option('--description <text>', 'what the VO is, for people')
      .option('--own-root', 'give the VO a trust domain and root of its own')
      .option('--domain <name>', 'put the VO into this trust domain')
      .option('--root-key <file>', "FILE with the key of the domain's root, where that is offline")
      .option(
        '--root-passphrase-file <file>',
        'its passphrase is the first line of FILE; - is standard input',
      ),
  ).action(perform(createVo));

  addSignInOptions(
    addCommand(vo, 'destroy', {
      summary: 'end a VO for good',
      description:
        'End a VO: its members, groups, nodes and authorities. Nodes end the sessions of its members. Asks for the ' +
        "VO's name to be typed.",
      examples: [['xos vo destroy physics.example.org', 'asks, then destroys']],
    })
      .argument('<vo>', 'id of the VO', voValue)
      .option('--yes', 'do not ask'),
  ).action(perform(destroyVo));

  addSignInOptions(
    addCommand(vo, 'list', {
      summary: 'list the VOs of the service',
      examples: [["xos vo list --json=short | jq -r '.vos[].id'", 'their ids alone']],
    }),
  ).action(perform(listVos));

  addSignInOptions(
    addCommand(vo, 'show', {
      summary: 'show a VO',
      examples: [['xos vo show physics.example.org', '']],
    }).argument('<vo>', 'id of the VO', voValue),
  ).action(perform(showVo));
}

async function createVo(invocation: Invocation, options: CreateOptions, id: string): Promise<Report> {
  const rootKey =
    options.rootKey === undefined
      ? undefined
      : await readRootKey(invocation, options.rootKey, options.rootPassphraseFile);
  const made = await withVoClient(invocation, options, id, 'administrator', (client) =>
    client.createVo({
      id,
      ...(options.description === undefined ? {} : { description: options.description }),
      ...(options.ownRoot === true ? { ownRoot: true } : {}),
      ...(options.domain === undefined ? {} : { domain: options.domain }),
      ...(rootKey === undefined ? {} : { rootKey }),
    }),
  );
  return {
    data: stableJson(made),
    text: () =>
      `VO ${made.id} is there, in trust domain ${made.domain}.\nInvite its first member: xos vo invite USER@${made.id}\n`,
  };
}

async function destroyVo(
  invocation: Invocation,
  options: ConnectionOptions & { readonly yes?: boolean },
  id: string,
): Promise<Report> {
  await confirmByName(
    invocation.prompts,
    options.yes,
    `This ends VO ${id}, its memberships and certificates. It cannot be undone.`,
    'VO id',
    id,
  );
  await withVoClient(invocation, options, id, 'administrator', (client) => client.destroyVo(id));
  return { data: { vo: id, destroyed: true }, text: () => `VO ${id} is destroyed.\n` };
}

async function listVos(invocation: Invocation, options: ConnectionOptions): Promise<Report> {
  const vos = await withVoClient(invocation, options, undefined, 'administrator', (client) =>
    client.listVos(),
  );
  return {
    data: { vos: vos.map(stableJson) },
    text: (terminal) =>
      table(
        vos,
        [
          { title: 'VO', value: (vo) => vo.id },
          { title: 'TRUST DOMAIN', value: (vo) => vo.domain, mayShrink: true },
          { title: 'MEMBERS', value: (vo) => String(vo.activeMembers), align: 'right' },
          { title: 'NODES', value: (vo) => String(vo.activeNodes), align: 'right' },
          { title: 'DESCRIPTION', value: (vo) => vo.description, mayShrink: true },
        ],
        terminal,
        'There is no VO yet. Make one: xos vo create VO',
      ),
  };
}

async function showVo(invocation: Invocation, options: ConnectionOptions, id: string): Promise<Report> {
  const vo = await withVoClient(invocation, options, id, 'administrator', (client) => client.showVo(id));
  return { data: stableJson(vo), text: (terminal) => fields(voFields(vo, invocation.nowMs()), terminal) };
}

function voFields(vo: Vo, nowMs: number): Parameters<typeof fields>[0] {
  return [
    ['VO', vo.id],
    ['Description', vo.description === '' ? undefined : vo.description],
    ['Trust domain', vo.domain],
    ['Root SHA-256', vo.rootFingerprint],
    ['Members', String(vo.activeMembers)],
    ['Nodes', String(vo.activeNodes)],
    ['Membership list', `version ${vo.membershipVersion}`],
    ['CRLs', `version ${vo.crlVersion}`],
    ['Made', momentText(vo.createdAtMs, nowMs)],
  ];
}

interface AuditOptions extends ConnectionOptions {
  readonly after?: number;
  readonly limit?: number;
  readonly verify?: boolean;
}

function addAudit(vo: XosCommand, perform: Perform): void {
  addSignInOptions(
    addCommand(vo, 'audit', {
      summary: 'read the append-only audit log',
      description:
        'Read what was done, by whom, in one VO, or in the whole service (local administrator). --verify checks the ' +
        'chain of hashes over the whole log instead and exits with 1 where it breaks.',
      examples: [
        ['xos vo audit physics.example.org --limit 20', 'the first 20 entries'],
        ['xos vo audit physics.example.org --after 1200', 'what came after entry 1200'],
        ['xos vo audit --verify', 'is the log whole?'],
      ],
    })
      .argument('[vo]', 'id of the VO; without it, the whole service', voValue)
      .option('--after <number>', 'only entries after this sequence number', countValue)
      .option('--limit <count>', 'at most so many entries (the service allows 1000)', countValue)
      .option('--verify', 'check the hash chain'),
  ).action(perform(audit));
}

async function audit(invocation: Invocation, options: AuditOptions, vo: string | undefined): Promise<Report> {
  if (options.verify === true) return verifyAudit(invocation, options, vo);
  const query = {
    ...(options.after === undefined ? {} : { after: options.after }),
    ...(options.limit === undefined ? {} : { limit: options.limit }),
  };
  const entries = await withVoClient(invocation, options, vo, 'administrator', (client) =>
    vo === undefined ? client.serviceAudit(query) : client.audit(vo, query),
  );
  return {
    data: { entries: entries.map(stableJson) },
    text: (terminal) =>
      table(
        entries,
        [
          { title: 'NUMBER', value: (entry) => String(entry.sequence), align: 'right' },
          { title: 'TIME', value: (entry) => timeText(entry.atMs) },
          ...(vo === undefined
            ? [{ title: 'VO', value: (entry: { vo: string | null }) => entry.vo ?? '' }]
            : []),
          { title: 'WHO', value: (entry) => entry.actor, mayShrink: true },
          { title: 'ACTION', value: (entry) => entry.action },
          { title: 'SUBJECT', value: (entry) => entry.subject, mayShrink: true },
        ],
        terminal,
        'Nothing is in the log there.',
      ),
  };
}

async function verifyAudit(
  invocation: Invocation,
  options: AuditOptions,
  vo: string | undefined,
): Promise<Report> {
  const found = await withVoClient(invocation, options, vo, 'administrator', (client) =>
    client.verifyAudit(),
  );
  const whole = found.brokenAt === null;
  return {
    data: stableJson(found),
    exitCode: whole ? 0 : 1,
    text: ({ paint }) =>
      whole
        ? `${paint.good('The audit log is whole')}: ${found.entries} entries, head ${found.head}\n`
        : `${paint.bad('The audit log is broken')} at entry ${found.brokenAt}: what follows was altered or removed\n`,
  };
}
