// Small pieces of xDS that every generator writes.
import { tryDurationMs } from '#api/duration.ts';
import { type Any, type Duration, type MessageName, packAny } from '#wire/xds.ts';
import type { Messages } from '#wire/generated/types.ts';

/** One generated resource before it is encoded. */
export interface Generated<N extends MessageName> {
  readonly name: string;
  readonly type: N;
  readonly message: Messages[N];
}

export const durationMs = (milliseconds: number): Duration => {
  const seconds = Math.floor(milliseconds / 1000);
  const nanos = Math.round((milliseconds - seconds * 1000) * 1e6);
  return { seconds, nanos };
};

/** A duration as users write it (`1.5s`), or the default where there is none. */
export const toDuration = (text: string | undefined, defaultMs?: number): Duration | undefined => {
  const ms = text === undefined ? defaultMs : (tryDurationMs(text) ?? defaultMs);
  return ms === undefined ? undefined : durationMs(ms);
};

export const uint = (value: number): { value: number } => ({ value });

export const address = (host: string, port: number) => ({ socketAddress: { address: host, portValue: port } });

/** A named extension with its typed config, such as a filter. */
export const extension = <N extends MessageName>(
  name: string,
  type: N,
  config: Messages[N],
): { name: string; typedConfig: Any } => ({ name, typedConfig: packAny(type, config) });

export const clusterName = (direction: 'outbound' | 'inbound', port: number, subset: string, host: string): string =>
  `${direction}|${port}|${subset}|${host}`;

/** Server name of mutual TLS between proxies, which carries the cluster. */
export const dnsSrvName = (port: number, subset: string, host: string): string =>
  `outbound_.${port}_.${subset}_.${host}`;

export const ALPN = {
  /** TCP between proxies. The peer exchange is not offered: the endpoint's metadata tells who the peer is. */
  tcp: ['istio'],
  http1: ['istio-http/1.1', 'istio', 'http/1.1'],
  http2: ['istio-h2', 'istio', 'h2'],
} as const;

/** ALPNs by which an inbound listener knows HTTP inside mutual TLS, and TCP. */
export const inboundHttpAlpn = ['istio-http/1.0', 'istio-http/1.1', 'istio-h2'];
export const inboundTcpAlpn = ['istio-peer-exchange', 'istio'];
