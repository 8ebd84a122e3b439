// The request oracle: what happens to a request, asked of the control plane's generators and the proxy's matcher, in-process.
import { AssertionError } from 'node:assert';
import { describeOutcome, explainTrace, formatShare } from './explain.ts';
import { type Declared, toObjects } from './objects.ts';
import { simulate, type World } from './simulate.ts';
import { type Outcome, type Trace, type TracedRequest, traceRequest } from './trace.ts';

/** Shares may differ by this much, in percent: weights are whole numbers. */
const TOLERANCE_PERCENT = 0.01;

/**
 * Asks what happens to a request.
 *
 * ```ts
 * expectRequest(program(testEnvironment())).from('productpage').get('http://reviews:9080/').reaches('reviews', 'v1');
 * ```
 * @param declared a Platform, a cdk8s App or Chart, or Kubernetes objects
 */
export function expectRequest(declared: Declared): RequestSource {
  const world = simulate(toObjects(declared));
  return { from: (workload) => new RequestLine(world, workload) };
}

export interface RequestSource {
  /** Who calls: name of a Deployment, `<namespace>/<name>`, or its label `app`. A gateway stands for a client outside. */
  from(workload: string): RequestLine;
}

export class RequestLine {
  private readonly world: World;
  private readonly workload: string;

  constructor(world: World, workload: string) {
    this.world = world;
    this.workload = workload;
  }

  get(url: string): RequestExpectation {
    return this.request('GET', url);
  }

  post(url: string): RequestExpectation {
    return this.request('POST', url);
  }

  put(url: string): RequestExpectation {
    return this.request('PUT', url);
  }

  delete(url: string): RequestExpectation {
    return this.request('DELETE', url);
  }

  /** A request of any method. @param url whole, with scheme, host and port */
  request(method: string, url: string): RequestExpectation {
    return new RequestExpectation(this.world, { from: this.workload, method, url, headers: {} });
  }
}

/** What is expected of a request. Every expectation throws an AssertionError that says which rules were tried, and returns the request. */
export class RequestExpectation {
  private readonly world: World;
  private readonly request: TracedRequest;

  constructor(world: World, request: TracedRequest) {
    this.world = world;
    this.request = request;
  }

  /** Adds headers; names are case-insensitive. */
  withHeaders(headers: Readonly<Record<string, string>>): RequestExpectation {
    return new RequestExpectation(this.world, { ...this.request, headers: { ...this.request.headers, ...headers } });
  }

  /** Every such request reaches the service, and the version where one is given. @param service name, `<name>.<namespace>` or full name */
  reaches(service: string, version?: string): this {
    const trace = this.trace();
    const wanted = `${service}${version === undefined ? '' : ` ${version}`}`;
    const holds = trace.outcomes.every(
      (each) => isAt(each, service) && (version === undefined || each.version === version),
    );
    return this.require(holds, trace, `to reach ${wanted}`, wanted);
  }

  /** Such requests are divided among the versions of a service. @param shares percent by version, together 100 */
  splits(service: string, shares: Readonly<Record<string, number>>): this {
    const total = Object.values(shares).reduce((sum, share) => sum + share, 0);
    if (Math.abs(total - 100) > TOLERANCE_PERCENT)
      throw new RangeError(`splits("${service}"): the shares must sum to 100, got ${total}`);
    const trace = this.trace();
    const actual = new Map<string, number>();
    for (const outcome of trace.outcomes) {
      const key = isAt(outcome, service) ? (outcome.version ?? '') : `not ${service}`;
      actual.set(key, (actual.get(key) ?? 0) + outcome.share * 100);
    }
    const names = new Set([...Object.keys(shares), ...actual.keys()]);
    const holds = [...names].every(
      (name) => Math.abs((shares[name] ?? 0) - (actual.get(name) ?? 0)) <= TOLERANCE_PERCENT,
    );
    const wanted = Object.entries(shares)
      .map(([name, share]) => `${name} ${share} %`)
      .join(', ');
    return this.require(holds, trace, `to be divided among ${service}: ${wanted}`, wanted);
  }

  /** No such request reaches a service: a policy, a missing route or an answer of a proxy (4xx, 5xx) is in the way. */
  isDenied(): this {
    const trace = this.trace();
    return this.require(
      trace.outcomes.every((each) => each.refusal !== undefined),
      trace,
      'to be denied',
      'denied',
    );
  }

  /** Every such request is redirected. @param location the whole Location header */
  redirectsTo(location: string, status?: number): this {
    const trace = this.trace();
    const holds = trace.outcomes.every(
      (each) => each.location === location && (status === undefined || each.status === status),
    );
    return this.require(holds, trace, `to be redirected to ${location}`, location);
  }

  /** What happens to the request and why, as text. */
  explain(): string {
    return explainTrace(this.trace());
  }

  private trace(): Trace {
    return traceRequest(this.world, this.request);
  }

  private require(holds: boolean, trace: Trace, expectation: string, expected: string): this {
    if (holds) return this;
    const actual = trace.outcomes.map((each) => `${formatShare(each.share)} ${describeOutcome(each)}`).join('; ');
    throw new AssertionError({
      message: `expected ${trace.method} ${trace.url.href} from ${trace.from.name} ${expectation}, but ${actual}\n\n${explainTrace(trace)}`,
      expected,
      actual,
      operator: 'expectRequest',
      stackStartFn: this.require,
    });
  }
}

function isAt({ service, refusal, status }: Outcome, name: string): boolean {
  if (!service || refusal !== undefined || status !== undefined) return false;
  return [
    service.name,
    `${service.name}.${service.namespace}`,
    `${service.name}.${service.namespace}.svc`,
    service.hostname,
  ].includes(name);
}
