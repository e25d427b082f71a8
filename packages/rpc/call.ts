import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';

/** A call of an interface: its numbers on the wire and its messages. */
export interface Call<Request extends DescMessage, Response extends DescMessage> {
  /** For people: `dir.service_register`. */
  readonly name: string;
  readonly interfaceId: number;
  readonly procId: number;
  readonly request: Request;
  readonly response: Response;
  /** Requests may have a data section. */
  readonly takesData: boolean;
  /** Encodes a request as protobuf would, faster. */
  readonly encode?: (request: MessageInitShape<Request>) => Uint8Array;
}

export type AnyCall = Call<DescMessage, DescMessage>;

/** Makes the calls of one interface; names get its short name in front. */
export function callsOf(interfaceName: string, interfaceId: number) {
  return <Request extends DescMessage, Response extends DescMessage>(
    name: string,
    procId: number,
    request: Request,
    response: Response,
    more: Pick<Partial<Call<Request, Response>>, 'takesData' | 'encode'> = {},
  ): Call<Request, Response> => ({
    name: `${interfaceName}.${name}`,
    interfaceId,
    procId,
    request,
    response,
    takesData: false,
    ...more,
  });
}
