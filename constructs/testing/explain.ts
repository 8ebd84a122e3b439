// A trace as text: what the request was, every rule that was tried and why it matched or not, and where requests end up.
import type { Explanation, TriedRoute } from '#lib/match/routes.ts';
import type { Outcome, Trace } from './trace.ts';

/** Rules that are shown; a virtual host may have hundreds. */
const MAX_RULES = 40;

export function explainTrace(trace: Trace): string {
  const { method, url, from, steps, explanation, outcomes } = trace;
  const lines = [`${method} ${url.href} from ${from.namespace}/${from.name}`, ...steps.map((step) => `  ${step}`)];
  if (explanation) lines.push(...explainRules(explanation));
  lines.push(...outcomes.map((outcome) => `  ${formatShare(outcome.share)} ${describeOutcome(outcome)}`));
  return lines.join('\n');
}

function explainRules({ virtualHost, domain, tried }: Explanation): string[] {
  if (!virtualHost) return ['  no virtual host serves that authority'];
  const lines = [`  virtual host ${virtualHost.name ?? ''} (domain ${domain})`];
  for (const route of tried.slice(-MAX_RULES)) lines.push(...explainRule(route));
  if (tried.length === 0 || !tried.at(-1)?.matched) lines.push('    no rule matched');
  return lines;
}

function explainRule({ route, index, matched, conditions }: TriedRoute): string[] {
  const name = route.name ? `"${route.name}"` : `${index + 1}`;
  if (matched) return [`    rule ${name} matched: ${conditions.map((each) => each.text).join(' and ')}`];
  const failed = conditions.filter((each) => !each.held);
  return [`    rule ${name} did not match: ${failed.map((each) => `${each.text}, but is ${each.found}`).join('; ')}`];
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
function describeTarget({ service, version, pods, cluster }: Outcome): string {
  if (!service)
    return cluster === 'PassthroughCluster'
      ? 'the address that the caller asked for, outside of the mesh'
      : (cluster ?? '');
  return `${service.name}${version ? ` ${version}` : ''}${pods.length > 0 ? ` (${pods.slice(0, 3).join(', ')}${pods.length > 3 ? `, ${pods.length - 3} more` : ''})` : ''}`;
}
