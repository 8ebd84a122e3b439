// Kinds that the API accepts and this control plane does not act on yet: each object is named in the log, not ignored silently.
import type { KindDefinition } from '#api/definition.ts';
import { kinds } from '#api/registry.ts';
import { Informer, type KubeClient } from '#lib/kube/index.ts';

export interface UnsupportedKindsOptions {
  readonly client: KubeClient;
  /** Names of the kinds that are acted on. */
  readonly supported: ReadonlySet<string>;
  readonly log: (line: string) => void;
}

/** Watches until the signal aborts. */
export function reportUnsupportedKinds(options: UnsupportedKindsOptions, signal: AbortSignal): void {
  for (const definition of kinds) if (!options.supported.has(definition.kind)) report(definition, options, signal);
}

function report(definition: KindDefinition, { client, log }: UnsupportedKindsOptions, signal: AbortSignal): void {
  const { group, version, plural, kind } = definition;
  const informer = new Informer({
    client,
    ref: { group, version, plural, kind, namespaced: true },
    onError: (error) => log(`watching ${plural}: ${(error as Error).message}`),
  });
  informer.subscribe({
    add: ({ metadata }) =>
      log(
        `${kind} ${metadata.namespace}/${metadata.name} has no effect: this control plane does not support ${kind} yet`,
      ),
  });
  informer.start(signal);
}
