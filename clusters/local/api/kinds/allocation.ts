// Gives Services their cluster address and node ports, from what the stored Services already hold.
import type { ApiObject } from '../object.ts';
import { at, type Fields, list, num, rec, recs, str } from '../object.ts';
import { type FieldProblem, invalid } from '../status.ts';

const toNumber = (ip: string): number => ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
const toAddress = (value: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');

export class ServiceAllocation {
  readonly #services: () => readonly ApiObject[];
  readonly #first: number;
  readonly #size: number;
  readonly #cidr: string;
  readonly #lowPort: number;
  readonly #highPort: number;
  /** Addresses of creations whose write is not stored yet. */
  #next: number;
  #nextPort: number;

  constructor(cidr: string, nodePorts: string, services: () => readonly ApiObject[]) {
    const [base = '', bits = ''] = cidr.split('/');
    this.#cidr = cidr;
    this.#first = toNumber(base);
    this.#size = 2 ** (32 - Number(bits));
    const [low, high] = nodePorts.split('-').map(Number);
    this.#lowPort = low ?? 30000;
    this.#highPort = high ?? 32767;
    this.#services = services;
    // The first 256 addresses are left to those who ask for one (kubernetes .1, cluster DNS .10).
    this.#next = this.#size > 512 ? 256 : 2;
    this.#nextPort = this.#lowPort;
  }

  /** Address of the service `kubernetes`. */
  get firstAddress(): string {
    return toAddress(this.#first + 1);
  }

  /** Fills in clusterIP, clusterIPs, ipFamilies and node ports; throws 422 for what is taken or out of range. */
  assign(service: ApiObject, before: ApiObject | undefined): void {
    const spec = rec(service['spec']);
    const old = rec(before?.['spec']);
    const type = str(spec['type']);
    if (type === 'ExternalName') {
      for (const key of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy']) delete spec[key];
    } else this.#assignAddress(service, spec, old);
    if (type === 'NodePort' || type === 'LoadBalancer') this.#assignPorts(service, spec, old);
    else
      for (const port of recs(spec['ports']))
        if (str(old['type']) !== type || before === undefined) delete port['nodePort'];
  }

  #assignAddress(service: ApiObject, spec: Fields, old: Fields): void {
    const held = str(old['clusterIP']);
    let address = str(spec['clusterIP']) || str(list(spec['clusterIPs'])[0]) || held;
    if (held !== '' && address !== held)
      throw this.#problem(
        service,
        'FieldValueInvalid',
        'spec.clusterIPs[0]',
        `Invalid value: ${JSON.stringify([address])}: may not change once set`,
      );
    if (address === '') address = this.#free();
    else if (address !== 'None' && address !== held) {
      const offset = toNumber(address) - this.#first;
      if (!/^\d+\.\d+\.\d+\.\d+$/.test(address) || offset < 1 || offset >= this.#size - 1)
        throw this.#problem(
          service,
          'FieldValueInvalid',
          'spec.clusterIPs',
          `Invalid value: ${JSON.stringify([address])}: failed to allocate IP ${address}: the provided network does not match the current range`,
        );
      if (this.#used().has(address))
        throw this.#problem(
          service,
          'FieldValueInvalid',
          'spec.clusterIPs',
          `Invalid value: ${JSON.stringify([address])}: failed to allocate IP ${address}: provided IP is already allocated`,
        );
    }
    spec['clusterIP'] = address;
    spec['clusterIPs'] = [address];
    spec['ipFamilies'] ??= ['IPv4'];
    spec['ipFamilyPolicy'] ??= 'SingleStack';
  }

  #problem(service: ApiObject, type: FieldProblem['type'], field: string, message: string): Error {
    return invalid('', 'Service', service.metadata.name, [{ type, field, message }]);
  }

  #used(): Set<string> {
    return new Set(this.#services().flatMap((service) => list(at(service, 'spec', 'clusterIPs')).map(String)));
  }

  #free(): string {
    const used = this.#used();
    for (let tries = 0; tries < this.#size; tries += 1) {
      const offset = this.#next;
      this.#next = this.#next + 1 >= this.#size - 1 ? 2 : this.#next + 1;
      const address = toAddress(this.#first + offset);
      if (!used.has(address)) return address;
    }
    throw new Error(`range ${this.#cidr} has no free service address`);
  }

  #assignPorts(service: ApiObject, spec: Fields, old: Fields): void {
    if (spec['allocateLoadBalancerNodePorts'] === false) return;
    const taken = new Map<number, string>();
    const self = `${service.metadata.namespace}/${service.metadata.name}`;
    for (const other of this.#services())
      for (const port of recs(at(other, 'spec', 'ports')))
        if (num(port['nodePort']) > 0)
          taken.set(num(port['nodePort']), `${other.metadata.namespace}/${other.metadata.name}`);
    for (const [index, port] of recs(spec['ports']).entries()) {
      const wanted = num(port['nodePort']);
      if (wanted > 0) {
        if (taken.has(wanted) && taken.get(wanted) !== self)
          throw this.#problem(
            service,
            'FieldValueInvalid',
            `spec.ports[${index}].nodePort`,
            `Invalid value: ${wanted}: provided port is already allocated`,
          );
        if (wanted < this.#lowPort || wanted > this.#highPort)
          throw this.#problem(
            service,
            'FieldValueInvalid',
            `spec.ports[${index}].nodePort`,
            `Invalid value: ${wanted}: provided port is not in the valid range. The range of valid ports is ${this.#lowPort}-${this.#highPort}`,
          );
        continue;
      }
      const held = recs(old['ports']).find(
        (item) => item['port'] === port['port'] && item['protocol'] === port['protocol'],
      );
      port['nodePort'] = num(held?.['nodePort']) || this.#freePort(taken);
      taken.set(num(port['nodePort']), self);
    }
  }

  #freePort(taken: ReadonlyMap<number, string>): number {
    for (let tries = this.#lowPort; tries <= this.#highPort; tries += 1) {
      const port = this.#nextPort;
      this.#nextPort = port >= this.#highPort ? this.#lowPort : port + 1;
      if (!taken.has(port)) return port;
    }
    throw new Error(`no free node port between ${this.#lowPort} and ${this.#highPort}`);
  }
}
