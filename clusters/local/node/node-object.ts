// The Node object and its lease: registered at start, renewed while the process lives.
import { availableParallelism, arch, release, totalmem } from 'node:os';
import { isAlreadyExists, isNotFound, type KubeClient, type KubeObject, refs } from '#lib/kube/index.ts';
import type { NodeConfig } from './config.ts';

const leaseSeconds = 40;
const renewMs = 10_000;
const heartbeatMs = 60_000;
const maxPods = 110;

const capacity = () => ({
  cpu: String(availableParallelism()),
  memory: `${Math.floor(totalmem() / 1024)}Ki`,
  pods: String(maxPods),
  'ephemeral-storage': '100Gi',
});
const isoSeconds = () => new Date().toISOString().replace(/\.\d+/, '');

export class NodeObject {
  readonly #client: KubeClient;
  readonly #config: NodeConfig;
  readonly #log: (line: string) => void;
  #readySince = isoSeconds();

  constructor(client: KubeClient, config: NodeConfig, log: (line: string) => void) {
    this.#client = client;
    this.#config = config;
    this.#log = log;
  }

  /** Registers and renews until the signal aborts; a silent API server is waited for. */
  start(signal: AbortSignal): void {
    let lastStatus = 0;
    let registered = false;
    const tick = async (): Promise<void> => {
      try {
        if (!registered) {
          await this.#register();
          registered = true;
        }
        await this.#renewLease();
        if (Date.now() - lastStatus >= heartbeatMs) {
          await this.#writeStatus();
          lastStatus = Date.now();
        }
      } catch (error) {
        if (isNotFound(error)) registered = false;
        if (!signal.aborted) this.#log(`node ${this.#config.nodeName}: heartbeat failed: ${(error as Error).message}`);
        if (!signal.aborted && !registered) setTimeout(() => void tick(), 500).unref();
      }
    };
    void tick();
    const timer = setInterval(() => void tick(), renewMs);
    signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  }

  async #register(): Promise<void> {
    const { nodeName, podCidr } = this.#config;
    const labels = {
      'kubernetes.io/hostname': nodeName,
      'kubernetes.io/os': 'linux',
      'kubernetes.io/arch': arch() === 'x64' ? 'amd64' : arch(),
      'beta.kubernetes.io/os': 'linux',
      'beta.kubernetes.io/arch': arch() === 'x64' ? 'amd64' : arch(),
    };
    const node = {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: nodeName, labels },
      spec: { podCIDR: podCidr, podCIDRs: [podCidr] },
    };
    try {
      await this.#client.create(refs.nodes, node as KubeObject);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    await this.#writeStatus();
  }

  async #writeStatus(): Promise<void> {
    const { kubelet, nodeAddress, nodeName } = this.#config;
    const now = isoSeconds();
    const condition = (type: string, status: string, reason: string, message: string) => ({
      type,
      status,
      reason,
      message,
      lastHeartbeatTime: now,
      lastTransitionTime: this.#readySince,
    });
    const status = {
      capacity: capacity(),
      allocatable: capacity(),
      conditions: [
        condition('MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
        condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
        condition('PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
        condition('Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'),
      ],
      addresses: [
        { type: 'InternalIP', address: nodeAddress },
        { type: 'Hostname', address: nodeName },
      ],
      daemonEndpoints: { kubeletEndpoint: { Port: kubelet.port } },
      nodeInfo: {
        machineID: '',
        systemUUID: '',
        bootID: '',
        kernelVersion: release(),
        osImage: 'Rigging embedded node',
        containerRuntimeVersion: 'rig://1.0.0',
        kubeletVersion: 'v1.34.0+rigging',
        kubeProxyVersion: '',
        operatingSystem: 'linux',
        architecture: arch() === 'x64' ? 'amd64' : arch(),
      },
    };
    await this.#client.patch(refs.nodes, { name: nodeName }, { status }, { type: 'strategic', subresource: 'status' });
  }

  async #renewLease(): Promise<void> {
    const { nodeName } = this.#config;
    const key = { namespace: 'kube-node-lease', name: nodeName };
    const spec = {
      holderIdentity: nodeName,
      leaseDurationSeconds: leaseSeconds,
      renewTime: new Date().toISOString().replace('Z', '000Z'),
    };
    try {
      await this.#client.patch(refs.leases, key, { spec }, { type: 'merge' });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: key, spec };
      await this.#client.create(refs.leases, lease as KubeObject).catch((failure: unknown) => {
        // Its namespace is made by the controllers, which may come a moment later.
        if (!isNotFound(failure) && !isAlreadyExists(failure)) throw failure;
      });
    }
  }
}
