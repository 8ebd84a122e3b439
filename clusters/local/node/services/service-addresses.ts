// Keeps the rules of Service addresses current: watches, waits for a moment of quiet, restores all of them in one step.
import type { Informer } from '#lib/kube/index.ts';
import type { EndpointSlice, Service } from '../pod-types.ts';
import { runCommand } from '../run-command.ts';
import { type ServiceRulesInput, toRules } from './rules.ts';

const quietMs = 5;
const retryMs = 1_000;

/** Jumps into our chains, each once. */
const jumps: readonly (readonly string[])[] = [
  ['nat', 'PREROUTING', 'RIG-SERVICES'],
  ['nat', 'OUTPUT', 'RIG-SERVICES'],
  ['nat', 'POSTROUTING', 'RIG-MASQ'],
  ['filter', 'FORWARD', 'RIG-FILTER'],
  ['filter', 'OUTPUT', 'RIG-FILTER'],
];

export class ServiceAddresses {
  readonly #settings: Omit<ServiceRulesInput, 'services' | 'slices'>;
  readonly #services: Informer<Service>;
  readonly #slices: Informer<EndpointSlice>;
  readonly #log: (line: string) => void;
  #applied = '';
  #busy = false;
  #again = false;
  #timer: NodeJS.Timeout | undefined;
  #signal: AbortSignal | undefined;
  #jumped = false;

  constructor(options: {
    settings: Omit<ServiceRulesInput, 'services' | 'slices'>;
    services: Informer<Service>;
    slices: Informer<EndpointSlice>;
    log: (line: string) => void;
  }) {
    this.#settings = options.settings;
    this.#services = options.services;
    this.#slices = options.slices;
    this.#log = options.log;
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    const changed = () => this.#schedule(quietMs);
    await Promise.all([this.#services.synced, this.#slices.synced]);
    this.#services.subscribe({ add: changed, update: changed, delete: changed });
    this.#slices.subscribe({ add: changed, update: changed, delete: changed });
    changed();
  }

  #schedule(ms: number): void {
    if (this.#timer !== undefined || this.#signal?.aborted) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#apply();
    }, ms);
  }

  async #apply(): Promise<void> {
    if (this.#busy) {
      this.#again = true;
      return;
    }
    this.#busy = true;
    try {
      const rules = toRules({ ...this.#settings, services: this.#services.list(), slices: this.#slices.list() });
      if (rules !== this.#applied) {
        const former = new Set([...this.#applied.matchAll(/^:(RIG-S\S+) /gm)].map((it) => it[1]!));
        for (const it of rules.matchAll(/^:(RIG-S\S+) /gm)) former.delete(it[1]!);
        await runCommand('iptables-restore', ['--noflush', '-w', '5'], withRemovals(rules, former));
        this.#applied = rules;
      }
      if (!this.#jumped) {
        for (const [table, chain, target] of jumps) {
          const rule = ['-w', '5', '-t', table!];
          await runCommand('iptables', [...rule, '-C', chain!, '-j', target!]).catch(() =>
            runCommand('iptables', [...rule, '-A', chain!, '-j', target!]),
          );
        }
        this.#jumped = true;
      }
    } catch (error) {
      this.#log(`service addresses: ${(error as Error).message.slice(0, 2000)}`);
      this.#schedule(retryMs);
    } finally {
      this.#busy = false;
      if (this.#again) {
        this.#again = false;
        this.#schedule(quietMs);
      }
    }
  }
}

/** Chains that nothing names any more go in the same step. */
function withRemovals(rules: string, former: ReadonlySet<string>): string {
  if (former.size === 0) return rules;
  const names = [...former];
  const end = rules.indexOf('COMMIT\n');
  return `*nat\n${names.map((it) => `:${it} - [0:0]`).join('\n')}\n${rules.slice(5, end)}${names.map((it) => `-X ${it}`).join('\n')}\n${rules.slice(end)}`;
}
