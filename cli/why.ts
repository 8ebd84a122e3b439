// `rig why METHOD URL --from WORKLOAD`: the way of one request through the running environment, every rule that was tried, and who decided.
import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Provenance } from '../constructs/index.ts';
import { explainTrace, type Origins } from '../constructs/testing/explain.ts';
import type { KubernetesObject } from '../constructs/testing/objects.ts';
import { observe } from '../constructs/testing/observe.ts';
import { type Trace, traceRequest } from '../constructs/testing/trace.ts';
import { type ClusterOptions, readClusterObjects } from './cluster-objects.ts';
import { projectFolder } from './environment.ts';
import { Failure } from './failure.ts';

export interface WhyOptions extends ClusterOptions {
  /** Workload that calls. @default istio-ingressgateway: a client outside */
  readonly from?: string | undefined;
  /** `Name: value`, as curl takes them. */
  readonly header?: readonly string[] | undefined;
  readonly output?: string | undefined;
  /** @default standard output */
  readonly write?: ((text: string) => void) | undefined;
}

export async function why(method: string, url: string, options: WhyOptions): Promise<void> {
  const print = options.write ?? ((text: string) => void process.stdout.write(text));
  if (options.output !== undefined && options.output !== 'json')
    throw new Failure(`-o ${options.output} is not known, use json`);
  const headers = Object.fromEntries((options.header ?? []).map(parseHeader));
  const objects = (await readClusterObjects(options)) as KubernetesObject[];
  const from = options.from ?? 'istio-ingressgateway';
  let trace: Trace;
  try {
    trace = traceRequest(observe(objects), { from, method: method.toUpperCase(), url, headers });
  } catch (cause) {
    throw new Failure((cause as Error).message, { cause });
  }
  print(
    options.output === 'json'
      ? `${JSON.stringify(toJson(trace), null, 2)}\n`
      : `${explainTrace(trace, origins())}\n\nTry it: ${tryIt(trace, headers)}\n`,
  );
}

function parseHeader(text: string): [string, string] {
  const colon = text.indexOf(':');
  if (colon <= 0) throw new Failure(`-H '${text}' must be 'Name: value'`);
  return [text.slice(0, colon).trim().toLowerCase(), text.slice(colon + 1).trim()];
}

/** Where rules come from, by the last synthesis. */
function origins(): Origins {
  let file: string;
  try {
    file = join(projectFolder(), '.rig', 'provenance.json');
  } catch {
    return () => undefined;
  }
  if (!existsSync(file)) return () => undefined;
  const known = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Provenance>;
  return (key) => {
    const found = known[`networking.istio.io.VirtualService ${key}`];
    if (!found) return undefined;
    return `${found.type} ${found.construct}${found.file ? ` (${relative(process.cwd(), found.file)}:${found.line})` : ''}`;
  };
}

function toJson({ method, url, from, steps, explanation, outcomes }: Trace): object {
  return {
    request: { method, url: url.href, from: `${from.namespace}/${from.name}` },
    steps,
    virtualHost: explanation?.virtualHost?.name,
    rules: explanation?.tried.map(({ route, matched, conditions }) => ({ name: route.name, matched, conditions })),
    outcomes: outcomes.map(({ service, ...outcome }) => ({ ...outcome, service: service?.hostname })),
  };
}

function tryIt({ method, url, from }: Trace, headers: Readonly<Record<string, string>>): string {
  const options = [
    method === 'GET' ? '' : `-X ${method} `,
    ...Object.entries(headers).map(([name, value]) => `-H '${name}: ${value}' `),
  ].join('');
  return `kubectl -n ${from.namespace} exec deploy/${from.name} -- curl -si ${options}${url.href}`;
}
