// Who is on the other side, as Istio's metrics name it: from exchanged metadata, from endpoint metadata, or unknown.
import type { EndpointWorkload } from '../upstream/endpoint.ts';
import { decodeStruct, encodeStruct, type StructValue } from './struct-codec.ts';

export interface Peer {
  /** Small number, part of series keys. */
  readonly index: number;
  readonly workload: string;
  readonly namespace: string;
  readonly cluster: string;
  readonly canonicalName: string;
  readonly canonicalRevision: string;
  readonly app: string;
  readonly version: string;
  /** Owner reference, for logs. */
  readonly owner: string;
}

const UNKNOWN = 'unknown';

export const UNKNOWN_PEER: Peer = {
  index: 0,
  workload: UNKNOWN,
  namespace: UNKNOWN,
  cluster: UNKNOWN,
  canonicalName: UNKNOWN,
  canonicalRevision: 'latest',
  app: UNKNOWN,
  version: UNKNOWN,
  owner: UNKNOWN,
};

const MAX_PEERS = 4096;
const MAX_METADATA_BYTES = 16 * 1024;

/** Peers seen, by their encoded metadata: decoding happens once for each. */
export class PeerBook {
  readonly #peers = new Map<string, Peer>();
  readonly #workloads = new WeakMap<EndpointWorkload, Peer>();
  #next = 1;

  /** `encoded`: the header x-envoy-peer-metadata. */
  fromHeader(encoded: string): Peer {
    const known = this.#peers.get(encoded);
    if (known !== undefined) return known;
    if (encoded.length > MAX_METADATA_BYTES || this.#next >= MAX_PEERS) return UNKNOWN_PEER;
    const struct = decodeStruct(Buffer.from(encoded, 'base64'));
    const peer = struct === undefined ? UNKNOWN_PEER : peerOf(struct, this.#next++);
    this.#peers.set(encoded, peer);
    return peer;
  }

  fromWorkload(workload: EndpointWorkload): Peer {
    let peer = this.#workloads.get(workload);
    if (peer === undefined) {
      const key = `${workload.name};${workload.namespace};${workload.canonicalName};${workload.canonicalRevision};${workload.cluster}`;
      peer = this.#peers.get(key);
      if (peer === undefined) {
        if (this.#next >= MAX_PEERS) return UNKNOWN_PEER;
        peer = {
          index: this.#next++,
          workload: workload.name || UNKNOWN,
          namespace: workload.namespace || UNKNOWN,
          cluster: workload.cluster || UNKNOWN,
          canonicalName: workload.canonicalName || UNKNOWN,
          canonicalRevision: workload.canonicalRevision || 'latest',
          app: workload.canonicalName || UNKNOWN,
          version: workload.canonicalRevision || UNKNOWN,
          owner: UNKNOWN,
        };
        this.#peers.set(key, peer);
      }
      this.#workloads.set(workload, peer);
    }
    return peer;
  }
}

function peerOf(struct: Record<string, StructValue>, index: number): Peer {
  const labels = typeof struct['LABELS'] === 'object' ? struct['LABELS'] : {};
  const text = (value: StructValue | undefined, fallback = UNKNOWN): string =>
    typeof value === 'string' && value !== '' ? value : fallback;
  return {
    index,
    workload: text(struct['WORKLOAD_NAME']),
    namespace: text(struct['NAMESPACE']),
    cluster: text(struct['CLUSTER_ID']),
    canonicalName: text(labels['service.istio.io/canonical-name']),
    canonicalRevision: text(labels['service.istio.io/canonical-revision'], 'latest'),
    app: text(labels['app']),
    version: text(labels['version']),
    owner: text(struct['OWNER']),
  };
}

const EXCHANGED_LABELS = ['service.istio.io/canonical-name', 'service.istio.io/canonical-revision', 'app', 'version'];

/** Our own metadata as the header carries it, and as a peer for the local side of metrics. */
export function localPeer(metadata: Readonly<Record<string, unknown>>): {
  readonly peer: Peer;
  readonly header: string;
} {
  const struct: Record<string, StructValue> = {};
  for (const key of ['NAME', 'NAMESPACE', 'WORKLOAD_NAME', 'CLUSTER_ID', 'OWNER']) {
    const value = metadata[key];
    if (typeof value === 'string') struct[key] = value;
  }
  const all = (metadata['LABELS'] ?? {}) as Record<string, unknown>;
  const labels: Record<string, StructValue> = {};
  for (const key of EXCHANGED_LABELS) {
    const value = all[key];
    if (typeof value === 'string') labels[key] = value;
  }
  struct['LABELS'] = labels;
  return { peer: peerOf(struct, 0), header: encodeStruct(struct).toString('base64') };
}
