// Services of type LoadBalancer -> ports on 127.0.0.1 of the host, and the address in their status. The job that a cloud's
// load-balancer controller has.
import type { KubeClient } from '#lib/kube/client.ts';
import { Informer } from '#lib/kube/informer.ts';
import type { KubeObject } from '#lib/kube/object.ts';
import { services } from '#lib/kube/refs.ts';
import type { HostPort } from '../config.ts';
import type { Forwarder } from './forwarder.ts';

export interface ServicePort {
  readonly name?: string | undefined;
  readonly port: number;
  readonly protocol?: string | undefined;
}

export interface Service extends KubeObject {
  spec?: { type?: string; clusterIP?: string; ports?: readonly ServicePort[] };
  status?: { loadBalancer?: { ingress?: readonly { ip?: string; ports?: unknown }[] } };
}

export interface LoadBalancersOptions {
  readonly client: KubeClient;
  readonly forwarder: Forwarder;
  readonly portOffset: number;
  readonly onChange: (ports: readonly HostPort[]) => void;
}

/** Host ports below 1024 move up: 80 -> 8080, 443 -> 8443, any other p -> p + 8000. */
export function hostPortOf(port: number, offset: number): number {
  const base = port === 80 ? 8080 : port === 443 ? 8443 : port < 1024 ? port + 8000 : port;
  return base + offset;
}

/** Which service gets which host port. The older service keeps a port that two want; the other one's problem is said. */
export function assignHostPorts(
  all: readonly Service[],
  offset: number,
): (HostPort & { readonly clusterIP: string })[] {
  const age = (it: Service) => `${it.metadata.creationTimestamp ?? ''} ${it.metadata.namespace}/${it.metadata.name}`;
  // The mesh's own gateways come first: their ports are what the documentation promises.
  const rank = (it: Service) => `${it.metadata.namespace === 'istio-system' ? 0 : 1} ${age(it)}`;
  const taken = new Map<number, string>();
  const result: (HostPort & { readonly clusterIP: string })[] = [];
  for (const service of [...all].sort((a, b) => (rank(a) < rank(b) ? -1 : 1))) {
    const clusterIP = service.spec?.clusterIP;
    if (
      service.spec?.type !== 'LoadBalancer' ||
      !clusterIP ||
      clusterIP === 'None' ||
      service.metadata.deletionTimestamp
    )
      continue;
    const name = `${service.metadata.namespace}/${service.metadata.name}`;
    for (const { port, protocol } of service.spec.ports ?? []) {
      if ((protocol ?? 'TCP') !== 'TCP') continue;
      const hostPort = hostPortOf(port, offset);
      const holder = taken.get(hostPort);
      const problem = holder === undefined ? undefined : `port ${hostPort} of the host belongs to ${holder}`;
      if (holder === undefined) taken.set(hostPort, name);
      result.push({
        namespace: service.metadata.namespace ?? '',
        service: service.metadata.name,
        port,
        hostPort,
        clusterIP,
        ...(problem ? { problem } : {}),
      });
    }
  }
  return result;
}

export class LoadBalancers {
  readonly #options: LoadBalancersOptions;
  readonly #open = new Set<number>();
  #informer: Informer<Service> | undefined;
  #working: Promise<void> = Promise.resolve();
  #last = '';

  constructor(options: LoadBalancersOptions) {
    this.#options = options;
  }

  start(signal: AbortSignal): void {
    this.#informer = new Informer<Service>({ client: this.#options.client, ref: services });
    const changed = () => {
      this.#working = this.#working
        .then(() => (signal.aborted ? undefined : this.#reconcile()))
        .catch((error: unknown) => {
          console.error(`load balancers: ${(error as Error).message}`);
        });
    };
    this.#informer.subscribe({ add: changed, update: changed, delete: changed });
    this.#informer.start(signal);
  }

  async #reconcile(): Promise<void> {
    const all = this.#informer?.list() ?? [];
    const ports: HostPort[] = [];
    const wanted = new Set<number>();
    for (const { clusterIP, ...port } of assignHostPorts(all, this.#options.portOffset)) {
      if (port.problem !== undefined) {
        ports.push(port);
        continue;
      }
      try {
        await this.#options.forwarder.open({ hostPort: port.hostPort, address: clusterIP, port: port.port });
        wanted.add(port.hostPort);
        this.#open.add(port.hostPort);
        ports.push(port);
      } catch (error) {
        ports.push({
          ...port,
          problem: `port ${port.hostPort} of the host cannot be opened: ${(error as Error).message}`,
        });
      }
    }
    for (const port of this.#open) {
      if (wanted.has(port)) continue;
      this.#options.forwarder.close(port);
      this.#open.delete(port);
    }
    const text = JSON.stringify(ports);
    if (text !== this.#last) {
      this.#last = text;
      this.#options.onChange(ports);
    }
    for (const service of all) await this.#writeStatus(service);
  }

  async #writeStatus(service: Service): Promise<void> {
    if (service.spec?.type !== 'LoadBalancer' || service.metadata.deletionTimestamp) return;
    if (service.status?.loadBalancer?.ingress?.[0]?.ip === '127.0.0.1') return;
    const key = { namespace: service.metadata.namespace, name: service.metadata.name };
    const status = { loadBalancer: { ingress: [{ ip: '127.0.0.1', ipMode: 'Proxy' }] } };
    await this.#options.client.patch(services, key, { status }, { type: 'merge', subresource: 'status' });
  }
}
