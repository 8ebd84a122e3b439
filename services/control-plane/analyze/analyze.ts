// Analysis: objects in, findings with Istio's codes out. Pure; the list of analysers below is all there is.
import { Annotation, DEFAULT_DOMAIN_SUFFIX, SYSTEM_NAMESPACE } from '#api/names.ts';
import { analyseDestinationRules, analyseServerVerification } from './destination-rule.ts';
import { analyseConflictingGateways, analyseGateways } from './gateway.ts';
import { analyseInjection, analysePortNames } from './injection.ts';
import { buildInventory, type Inventory } from './inventory.ts';
import type { AnalysedObject, Level, Message } from './message.ts';
import { analyseSchema } from './schema.ts';
import {
  analyseConflictingHosts,
  analyseDestinations,
  analyseGatewayReferences,
  analyseSubsets,
} from './virtual-service.ts';

export { type AnalysedObject, formatMessage, type Level, type Message, MESSAGE_TYPES, toJson } from './message.ts';

export interface AnalyzeOptions {
  /** @default cluster.local */
  readonly domainSuffix?: string | undefined;
  /** @default istio-system */
  readonly rootNamespace?: string | undefined;
  /** Namespace of objects that say none. @default default */
  readonly defaultNamespace?: string | undefined;
  /** Findings about objects of these namespaces only; all objects are still looked things up in. Default: all. */
  readonly namespaces?: readonly string[] | undefined;
}

const ANALYSERS: readonly ((inventory: Inventory) => Message[])[] = [
  analyseSchema,
  analyseGatewayReferences,
  analyseDestinations,
  analyseSubsets,
  analyseConflictingHosts,
  analyseGateways,
  analyseConflictingGateways,
  analyseDestinationRules,
  analyseServerVerification,
  analyseInjection,
  analysePortNames,
];

const RANK: Readonly<Record<Level, number>> = { Error: 0, Warning: 1, Info: 2 };

/** True where `level` is at least as grave as `threshold`. */
export const isAtLeast = (level: Level, threshold: Level): boolean => RANK[level] <= RANK[threshold];

/** All findings, gravest first, then by code and resource. */
export function analyze(objects: readonly AnalysedObject[], options: AnalyzeOptions = {}): Message[] {
  const inventory = buildInventory(objects, {
    domainSuffix: options.domainSuffix ?? DEFAULT_DOMAIN_SUFFIX,
    rootNamespace: options.rootNamespace ?? SYSTEM_NAMESPACE,
    defaultNamespace: options.defaultNamespace ?? 'default',
  });
  return ANALYSERS.flatMap((analyser) => analyser(inventory))
    .filter((each) => !isSuppressed(each) && isWanted(each, options.namespaces))
    .map((each, index) => ({
      each,
      index,
      key: `${RANK[each.level]} ${each.code} ${each.resource.kind} ${each.resource.metadata.namespace}/${each.resource.metadata.name}`,
    }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.index - b.index))
    .map(({ each }) => each);
}

/** `galley.istio.io/analyze-suppress: "IST0108,IST0103"` or `*` on the resource. */
function isSuppressed(each: Message): boolean {
  const list = each.resource.metadata.annotations?.[Annotation.analyzeSuppress];
  return list?.split(',').some((code) => code.trim() === '*' || code.trim() === each.code) ?? false;
}

function isWanted(each: Message, namespaces: readonly string[] | undefined): boolean {
  if (!namespaces) return true;
  const { namespace, name = '' } = each.resource.metadata;
  return namespaces.includes(namespace ?? name);
}
