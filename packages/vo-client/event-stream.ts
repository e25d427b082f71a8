/** A connection without any line for so long counts as dead (the service beats every 10 s). */
export const heartbeatTimeoutMs = 30_000;

/** Lines of `GET /v1/node/events`. `hello` comes first and names the versions current at that moment. */
export type NodeEvent =
  | {
      readonly type: 'hello';
      readonly vo: string;
      readonly membershipVersion: number;
      readonly crlVersion: number;
    }
  | { readonly type: 'heartbeat'; readonly atMs: number }
  | { readonly type: 'membership'; readonly vo: string; readonly version: number }
  | { readonly type: 'crl'; readonly vo: string; readonly version: number }
  /** The VO was destroyed or this node's membership in it revoked; the connection ends. */
  | { readonly type: 'gone'; readonly vo: string; readonly reason: string };
