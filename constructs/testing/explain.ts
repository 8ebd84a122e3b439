// A trace as text: what the request was, every rule that was tried and why it matched or not, and where requests end up.
import type { Explanation, TriedRoute } from '#lib/match/routes.ts';
import type { Outcome, Trace } from './trace.ts';

/** Rules that are shown; a virtual host may have hundreds. */
const MAX_RULES = 40;

/** Names what declared a rule: `<construct> (<file>:<line>)`. The key is `<VirtualService namespace>/<name>`, and `#<rule>` where the rule has a name. */
export type Origins = (key: string) => string | undefined;

/** @param origins where rules come from, if that is known */
export function explainTrace(trace: Trace, origins: Origins = () => undefined): string {
  const { method, url, from, steps, explanation, outcomes } = trace;
  const lines = [`${method} ${url.href} from ${from.namespace}/${from.name}`, ...steps.map((step) => `  ${step}`)];
  if (explanation) lines.push(...explainRules(explanation, origins));
  lines.push(...outcomes.map((outcome) => `  ${formatShare(outcome.share)} ${describeOutcome(outcome)}`));
  return lines.join('\n');
}

function explainRules({ virtualHost, domain, tried }: Explanation, origins: Origins): string[] {
  if (!virtualHost) return ['  no virtual host serves that authority'];
  const lines = [`  virtual host ${virtualHost.name ?? ''} (domain ${domain})`];
  for (const route of tried.slice(-MAX_RULES)) lines.push(...explainRule(route, origins));
  if (tried.length === 0 || !tried.at(-1)?.matched) lines.push('    no rule matched');
  return lines;
}

function explainRule({ route, index, matched, conditions }: TriedRoute, origins: Origins): string[] {
  const name = `${route.name ? `"${route.name}"` : `${index + 1}`}${originOf(route, origins)}`;
  if (matched) return [`    rule ${name} matched: ${conditions.map((each) => each.text).join(' and ')}`];
  const failed = conditions.filter((each) => !each.held);
  return [`    rule ${name} did not match: ${failed.map((each) => `${each.text}, but is ${each.found}`).join('; ')}`];
}

/** ` of VirtualService default/reviews, reviews/rollout (apps/platform.ts:12)`, as far as it is known. */
function originOf(route: TriedRoute['route'], origins: Origins): string {
  const { metadata } = route as {
    metadata?: { filterMetadata?: Record<string, { fields?: Record<string, { stringValue?: string }> }> };
  };
  const config = metadata?.filterMetadata?.['istio']?.fields?.['config']?.stringValue;
  const parts = /\/namespaces\/([^/]+)\/virtual-service\/([^/]+)$/.exec(config ?? '');
  if (!parts) return '';
  const key = `${parts[1]}/${parts[2]}`;
  const origin = origins(`${key}#${route.name ?? ''}`) ?? origins(key);
  return ` of VirtualService ${key}${origin ? `, ${origin}` : ''}`;
}

/** `90 %`, `33.33 %`. */
export const formatShare = (share: number): string => `${Number((share * 100).toFixed(2))} %`;

export function describeOutcome(outcome: Outcome): string {
  const target = describeTarget(outcome);
  if (outcome.refusal)
    return `is refused${target ? ` on the way to ${target}` : ''}: ${outcome.refusal}${outcome.status ? ` (${outcome.status})` : ''}`;
  if (outcome.location !== undefined) return `is redirected (${outcome.status}) to ${outcome.location}`;
  if (outcome.status !== undefined) return `is answered by the proxy (${outcome.status})`;
  return `reaches ${target}`;
}

/** `reviews v1 (pods a, b)`. */
function describeTarget({ service, version, pods, addresses, mutualTls, cluster }: Outcome): string {
  if (!service)
    return cluster === 'PassthroughCluster'
      ? 'the address that the caller asked for, outside of the mesh'
      : (cluster ?? '');
  const endpoints = pods.slice(0, 3).map((pod, index) => `${pod} ${addresses?.[index] ?? ''}`.trim());
  const more = pods.length > 3 ? `, ${pods.length - 3} more` : '';
  const where = endpoints.length > 0 ? ` (${endpoints.join(', ')}${more})` : '';
  const how = mutualTls === undefined ? '' : mutualTls ? ' by mutual TLS' : ' in plaintext';
  return `${service.name}${version ? ` ${version}` : ''}${where}${how}${cluster ? `, cluster ${cluster}` : ''}`;
}
