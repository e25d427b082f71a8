/** D-Bus type signatures (D-Bus specification, "Type System"), parsed once and kept. */

export type BasicCode = 'y' | 'b' | 'n' | 'q' | 'i' | 'u' | 'x' | 't' | 'd' | 's' | 'o' | 'g';

export type Type =
  | { readonly code: BasicCode }
  | { readonly code: 'v' }
  | { readonly code: 'a'; readonly element: Type }
  | { readonly code: '('; readonly fields: readonly Type[] }
  | { readonly code: '{'; readonly key: { readonly code: BasicCode }; readonly value: Type };

/** A signature, or bytes under one, that break the specification. */
export class WireError extends Error {}

const basicCodes = 'ybnqiuxtdsog';
const maximumLength = 255;
const maximumArrayDepth = 32;
const maximumStructDepth = 32;
const maximumRemembered = 1000;

const remembered = new Map<string, readonly Type[]>();

/** The complete types of a signature. @throws WireError */
export function parseSignature(signature: string): readonly Type[] {
  const known = remembered.get(signature);
  if (known !== undefined) return known;
  if (signature.length > maximumLength) throw new WireError(`signature of ${signature.length} characters`);
  const parser = { signature, at: 0 };
  const types: Type[] = [];
  while (parser.at < signature.length) types.push(parseType(parser, 0, 0));
  if (remembered.size >= maximumRemembered) remembered.clear();
  remembered.set(signature, types);
  return types;
}

/** The one complete type of a signature, as a variant's has to be. @throws WireError */
export function parseSingleType(signature: string): Type {
  const types = parseSignature(signature);
  const [type] = types;
  if (type === undefined || types.length > 1)
    throw new WireError(`signature '${signature}' is not one complete type`);
  return type;
}

function parseType(
  parser: { readonly signature: string; at: number },
  arrays: number,
  structs: number,
): Type {
  const { signature } = parser;
  const bad = (reason: string) => new WireError(`signature '${signature}': ${reason} at ${parser.at}`);
  const code = signature[parser.at];
  if (code === undefined) throw bad('ends too early');
  parser.at += 1;
  if (isBasicCode(code)) return { code };
  switch (code) {
    case 'v':
      return { code };
    case 'a': {
      if (arrays >= maximumArrayDepth) throw bad('arrays too deep');
      if (signature[parser.at] !== '{') return { code, element: parseType(parser, arrays + 1, structs) };
      if (structs >= maximumStructDepth) throw bad('structures too deep');
      parser.at += 1;
      const key = parseType(parser, arrays + 1, structs + 1);
      if (!isBasicCode(key.code)) throw bad('dictionary key is not basic');
      const value = parseType(parser, arrays + 1, structs + 1);
      if (signature[parser.at] !== '}') throw bad('expected }');
      parser.at += 1;
      return { code, element: { code: '{', key: { code: key.code }, value } };
    }
    case '(': {
      if (structs >= maximumStructDepth) throw bad('structures too deep');
      const fields: Type[] = [];
      while (signature[parser.at] !== ')') fields.push(parseType(parser, arrays, structs + 1));
      if (fields.length === 0) throw bad('empty structure');
      parser.at += 1;
      return { code, fields };
    }
    default:
      throw bad(code === 'h' ? 'file descriptors are not supported' : `unknown type ${code}`);
  }
}

function isBasicCode(code: string): code is BasicCode {
  return basicCodes.includes(code);
}

/** The boundary that values of a type start at. */
export function alignmentOf(type: Type): 1 | 2 | 4 | 8 {
  switch (type.code) {
    case 'y':
    case 'g':
    case 'v':
      return 1;
    case 'n':
    case 'q':
      return 2;
    case 'x':
    case 't':
    case 'd':
    case '(':
    case '{':
      return 8;
    default:
      return 4;
  }
}
