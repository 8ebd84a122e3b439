// What the node process is told: one JSON file, checked before anything starts.

/** Settings of one node of the embedded cluster. Paths are absolute. */
export interface NodeConfig {
  /** Kubeconfig of the identity `system:node:<nodeName>`. */
  readonly kubeconfig: string;
  /** Kubeconfig that Services and their endpoints are read with: a node's own identity may not. @default kubeconfig */
  readonly serviceKubeconfig: string;
  readonly nodeName: string;
  /** Address of the node inside the cluster's network namespace. @default '172.30.0.1' */
  readonly nodeAddress: string;
  /** Directory for pods, volumes and logs; made with mode 0700. */
  readonly stateDir: string;
  /** The cluster's home: hidden from containers, except what `expose` names. @default stateDir */
  readonly home: string;
  /** Range of pod addresses of this node, for example `10.244.0.0/24`. */
  readonly podCidr: string;
  /** @default '10.96.0.0/16' */
  readonly serviceCidr: string;
  /** @default '10.96.0.10' */
  readonly clusterDns: string;
  /** @default 'cluster.local' */
  readonly clusterDomain: string;
  /** JSON file with the image table: `[{ image, command }]`. */
  readonly images: string;
  /** Directory of bundled programs: `${bundle}` in the image table. */
  readonly bundles: string;
  /** Node binary that runs the bundles: `${node}` in the image table. @default this process's own */
  readonly nodeBinary: string;
  /** Further paths that containers may read although `home` hides them. @default [] */
  readonly expose: readonly string[];
  /** Where `kubernetes.default` leads. @default { host: '172.30.0.1', port: 6443 } */
  readonly apiServer: { readonly host: string; readonly port: number };
  /** One node per cluster namespace writes service rules and answers DNS. @default true for a podCidr ending in .0.0/24 */
  readonly leader: boolean;
  /** The kubelet's own HTTPS API; without certificates it does not listen. */
  readonly kubelet: {
    /** @default 10250 */
    readonly port: number;
    readonly certFile?: string | undefined;
    readonly keyFile?: string | undefined;
    /** Authority whose client certificates may use the API. */
    readonly clientCaFile?: string | undefined;
  };
}

/** Largest accepted configuration file, in bytes. */
const maxConfigBytes = 1 << 20;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Reads a configuration and fills in defaults; throws with the name of the wrong key. */
export function toNodeConfig(text: string, nodeBinary = process.execPath): NodeConfig {
  if (text.length > maxConfigBytes) throw new Error(`node config is larger than ${maxConfigBytes} bytes`);
  const raw: unknown = JSON.parse(text);
  if (!isRecord(raw)) throw new Error('node config: expected a JSON object');
  const str = (key: string, fallback?: string): string => {
    const value = raw[key] ?? fallback;
    if (typeof value !== 'string' || value === '') throw new Error(`node config: ${key}: expected a non-empty string`);
    return value;
  };
  const stateDir = str('stateDir');
  const podCidr = str('podCidr');
  if (!/^\d{1,3}(\.\d{1,3}){3}\/(1[6-9]|2[0-8])$/.test(podCidr)) {
    throw new Error(`node config: podCidr: ${podCidr} is not an IPv4 range between /16 and /28`);
  }
  const api = isRecord(raw['apiServer']) ? raw['apiServer'] : {};
  const kubelet = isRecord(raw['kubelet']) ? raw['kubelet'] : {};
  const optional = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
  const nodeAddress = str('nodeAddress', '172.30.0.1');
  return {
    kubeconfig: str('kubeconfig'),
    serviceKubeconfig: str('serviceKubeconfig', str('kubeconfig')),
    nodeName: str('nodeName'),
    nodeAddress,
    stateDir,
    home: str('home', stateDir),
    podCidr,
    serviceCidr: str('serviceCidr', '10.96.0.0/16'),
    clusterDns: str('clusterDns', '10.96.0.10'),
    clusterDomain: str('clusterDomain', 'cluster.local'),
    images: str('images'),
    bundles: str('bundles'),
    nodeBinary: str('nodeBinary', nodeBinary),
    expose: Array.isArray(raw['expose']) ? raw['expose'].filter((path) => typeof path === 'string') : [],
    apiServer: {
      host: optional(api['host']) ?? '172.30.0.1',
      port: typeof api['port'] === 'number' ? api['port'] : 6443,
    },
    leader: typeof raw['leader'] === 'boolean' ? raw['leader'] : /\.0\.0\/24$/.test(podCidr),
    kubelet: {
      port: typeof kubelet['port'] === 'number' ? kubelet['port'] : 10250,
      certFile: optional(kubelet['certFile']),
      keyFile: optional(kubelet['keyFile']),
      clientCaFile: optional(kubelet['clientCaFile']),
    },
  };
}
