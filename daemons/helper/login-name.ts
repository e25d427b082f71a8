/** The parts of a login name `user@alias` (docs/architecture.md, "Names and ids"). */
export interface LoginName {
  readonly user: string;
  readonly alias: string;
}

const grammar = /^([a-z][a-z0-9._-]*)@([a-z0-9][a-z0-9-]{0,15})$/;

export function isLoginName(text: string): boolean {
  return text.length <= 32 && grammar.test(text);
}

/** The parts; behind the request parser a login name always has them. @throws TypeError otherwise. */
export function splitLoginName(loginName: string): LoginName {
  const [, user, alias] = grammar.exec(loginName) ?? [];
  if (user === undefined || alias === undefined) throw new TypeError('not a login name');
  return { user, alias };
}
