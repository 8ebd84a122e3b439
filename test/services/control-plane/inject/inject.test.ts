// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the template language has ${} fields
import { describe, expect, test } from '@jest/globals';
import { stringify } from 'yaml';
import { gatewayTemplate, sidecarTemplate } from '../../../../constructs/mesh/injection-template.ts';
import { createInjectHandler } from '../../../../services/control-plane/inject/handler.ts';
import {
  type AdmissionReview,
  injectReview,
  type InjectionConfig,
  parseInjectionConfig,
  readPath,
} from '../../../../services/control-plane/inject/inject-review.ts';
import type { Container, Pod } from '../../../../services/control-plane/inject/pod.ts';
import { strategicMerge } from '../../../../services/control-plane/inject/strategic-merge.ts';
import { parseTemplate, renderTemplate } from '../../../../services/control-plane/inject/template.ts';

interface Change {
  readonly injector?: Record<string, unknown>;
  readonly values?: Record<string, unknown>;
}
const configure = ({ injector = {}, values = {} }: Change = {}): InjectionConfig =>
  parseInjectionConfig({
    injectorConfigYaml: stringify({
      templates: { sidecar: stringify(sidecarTemplate()), gateway: stringify(gatewayTemplate()) },
      ...injector,
    }),
    valuesJson: JSON.stringify(values),
    meshConfigYaml: '',
  });

const pod = (
  change: {
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    spec?: object;
    namespace?: string;
  } = {},
): Pod => ({
  metadata: {
    name: 'app',
    namespace: change.namespace ?? 'default',
    labels: change.labels ?? {},
    annotations: change.annotations ?? {},
  },
  spec: { containers: [{ name: 'app', image: 'app' }], ...change.spec },
});

interface Patched {
  readonly allowed: boolean;
  readonly message: string | undefined;
  readonly spec: Record<string, unknown> | undefined;
  readonly metadata: Record<string, Record<string, string>> | undefined;
}
function inject(object: Pod, config = configure(), path = '/inject'): Patched {
  const { response } = injectReview(
    { request: { uid: 'u', namespace: object.metadata.namespace!, object } },
    config,
    path,
  );
  const operations =
    response?.patch === undefined
      ? []
      : (JSON.parse(Buffer.from(response.patch, 'base64').toString()) as { path: string; value: unknown }[]);
  const under = (prefix: string): Record<string, unknown> | undefined => {
    const entries = operations
      .filter((operation) => operation.path.startsWith(prefix))
      .map(({ path: at, value }) => [at.slice(prefix.length), value]);
    return entries.length === 0 ? undefined : Object.fromEntries(entries);
  };
  return {
    allowed: response!.allowed,
    message: response!.status?.message,
    spec: under('/spec/'),
    metadata: under('/metadata/') as Patched['metadata'],
  };
}
const init = (patched: Patched): Container[] => patched.spec!['initContainers'] as Container[];
const proxyEnv = (patched: Patched): Record<string, string | undefined> =>
  Object.fromEntries(
    init(patched)
      .find(({ name }) => name === 'istio-proxy')!
      .env!.map(({ name, value }) => [name, value]),
  );

test('the template that the mesh ships injects a pod', () => {
  const patched = inject(pod({ labels: { app: 'app' } }));
  expect(init(patched).map(({ name }) => name)).toEqual(['istio-init', 'istio-proxy']);
  expect(init(patched)[0]!.args!.slice(0, 9)).toEqual([
    'istio-iptables',
    '-p',
    '15001',
    '-z',
    '15006',
    '-u',
    '1337',
    '-m',
    'REDIRECT',
  ]);
  expect(init(patched)[1]!.restartPolicy).toBe('Always');
  expect(patched.metadata!['labels']).toMatchObject({
    'security.istio.io/tlsMode': 'istio',
    'service.istio.io/canonical-name': 'app',
  });
  const status = JSON.parse(patched.metadata!['annotations']!['sidecar.istio.io/status']!) as Record<string, unknown>;
  expect(status).toMatchObject({
    initContainers: ['istio-init', 'istio-proxy'],
    containers: null,
    revision: 'default',
  });
});

describe('who is injected', () => {
  const isInjected = (object: Pod, config?: InjectionConfig): boolean => inject(object, config).spec !== undefined;
  test.each<[string, Pod, boolean, Change]>([
    ['a plain pod', pod(), true, {}],
    ['host network', pod({ spec: { hostNetwork: true }, labels: { 'sidecar.istio.io/inject': 'true' } }), false, {}],
    ['kube-system', pod({ namespace: 'kube-system' }), false, {}],
    ['label false', pod({ labels: { 'sidecar.istio.io/inject': 'false' } }), false, {}],
    ['annotation false', pod({ annotations: { 'sidecar.istio.io/inject': 'false' } }), false, {}],
    [
      'label beats annotation',
      pod({ labels: { 'sidecar.istio.io/inject': 'true' }, annotations: { 'sidecar.istio.io/inject': 'false' } }),
      true,
      {},
    ],
    ['another value is no answer', pod({ labels: { 'sidecar.istio.io/inject': 'maybe' } }), true, {}],
    ['policy disabled', pod(), false, { injector: { policy: 'disabled' } }],
    [
      'policy disabled, asked for',
      pod({ labels: { 'sidecar.istio.io/inject': 'true' } }),
      true,
      { injector: { policy: 'disabled' } },
    ],
    [
      'never',
      pod({ labels: { job: 'x' } }),
      false,
      { injector: { neverInjectSelector: [{ matchExpressions: [{ key: 'job', operator: 'Exists' }] }] } },
    ],
    [
      'always',
      pod({ labels: { a: 'b' } }),
      true,
      { injector: { policy: 'disabled', alwaysInjectSelector: [{ matchLabels: { a: 'b' } }] } },
    ],
    [
      'injected already',
      pod({ annotations: { 'sidecar.istio.io/status': '{}' }, spec: { containers: [{ name: 'istio-proxy' }] } }),
      false,
      {},
    ],
  ])('%s: %#', (_what, object, expected, change) => {
    expect(isInjected(object, configure(change))).toBe(expected);
    expect(inject(object, configure(change)).allowed).toBe(true);
  });
});

test.each([
  ['traffic.sidecar.istio.io/includeOutboundIPRanges', '10.0.0.0'],
  ['traffic.sidecar.istio.io/excludeInboundPorts', '80,x'],
  ['traffic.sidecar.istio.io/excludeOutboundIPRanges', '*'],
  ['sidecar.istio.io/interceptionMode', 'TPROXY'],
  ['sidecar.istio.io/proxyCPU', 'lots'],
  ['status.sidecar.istio.io/port', 'a'],
  ['inject.istio.io/templates', 'nope'],
  ['proxy.istio.io/config', 'a: [b'],
])('annotation %s: %j fails the pod and is named', (name, value) => {
  const { allowed, message } = inject(pod({ annotations: { [name]: value } }));
  expect(allowed).toBe(false);
  expect(message).toContain(
    name === 'inject.istio.io/templates' ? '"nope" not found; known are gateway, sidecar' : name,
  );
});

test('interception NONE has no istio-init', () => {
  const patched = inject(pod({ annotations: { 'sidecar.istio.io/interceptionMode': 'NONE' } }));
  expect(init(patched).map(({ name }) => name)).toEqual(['istio-proxy']);
  expect(proxyEnv(patched)['ISTIO_META_INTERCEPTION_MODE']).toBe('NONE');
});

test('cluster and network of the URL reach the proxy, and undefined fields leave no variable behind', () => {
  expect(readPath('/inject/cluster/c1/net/n--slash--1/extra/x?y')).toEqual({
    clusterId: 'c1',
    network: 'n/1',
    env: { ISTIO_META_CLUSTER_ID: 'c1', ISTIO_META_NETWORK: 'n/1', EXTRA: 'x' },
  });
  expect(readPath('/inject/:ENV:cluster=c1:ENV:net=n1').env).toEqual({
    ISTIO_META_CLUSTER_ID: 'c1',
    ISTIO_META_NETWORK: 'n1',
  });
  const patched = inject(pod(), configure(), '/inject/cluster/c1/net/n1');
  expect(proxyEnv(patched)).toMatchObject({ ISTIO_META_CLUSTER_ID: 'c1', ISTIO_META_NETWORK: 'n1' });
  expect(patched.metadata!['labels']!['topology.istio.io/network']).toBe('n1');
  expect(Object.keys(proxyEnv(inject(pod())))).not.toContain('ISTIO_META_NETWORK');
});

describe('the template language', () => {
  const known = new Set(['a', 'list', 'none']);
  const render = (text: string): unknown => renderTemplate(parseTemplate('t', text, known), { a: 5, list: ['x', 'y'] });
  test('keeps types, splices lists, drops what is undefined and what a condition turns off', () => {
    expect(
      render(
        'n: ${a}\ntext: "v-${a}-${none}"\nitems: [1, "${list}", "${none}"]\ngone: ${none}\nnested: { deep: "${none}" }',
      ),
    ).toEqual({
      n: 5,
      text: 'v-5-',
      items: [1, 'x', 'y'],
      nested: {},
    });
    expect(render('on: { $if: "${a}", k: 1 }\noff: { $if: "!${a}", k: 1 }\nlist: [{ $if: "${none}", k: 1 }]')).toEqual({
      on: { k: 1 },
      list: [],
    });
  });
  test.each([
    ['a: 1\nb: {{ .Values.x }}', /template t, line 2: Go templates are not supported/],
    ['a: 1\nb: ${wrong}', /template t, line 2: there is no field \$\{wrong\}/],
    ['- a', /is no mapping/],
    ['a: [', /template t: /],
  ])('%j is refused with its line', (text, message) => {
    expect(() => parseTemplate('t', text, known)).toThrow(message);
  });
});

test('strategic merge: lists by their keys, null removes, other lists replace', () => {
  const base = {
    containers: [{ name: 'a', args: ['1'], env: [{ name: 'X', value: '1' }] }, { name: 'b' }],
    tolerations: [1],
    x: 1,
  };
  const overlay = {
    containers: [{ name: 'c' }, { name: 'a', args: ['2'], env: [{ name: 'Y', value: '2' }] }],
    tolerations: [2],
    x: null,
  };
  expect(strategicMerge(base, overlay)).toEqual({
    containers: [
      {
        name: 'a',
        args: ['2'],
        env: [
          { name: 'X', value: '1' },
          { name: 'Y', value: '2' },
        ],
      },
      { name: 'b' },
      { name: 'c' },
    ],
    tolerations: [2],
  });
});

describe('over HTTP', () => {
  const review: AdmissionReview = { request: { uid: 'u', namespace: 'default', object: pod() } };
  const send = async (
    body: string,
    contentType = 'application/json',
    config: InjectionConfig | undefined = configure(),
  ) => {
    const outcomes: string[] = [];
    const handler = createInjectHandler({ config: () => config, onOutcome: (outcome) => outcomes.push(outcome) });
    return { ...(await handler({ path: '/inject', contentType, body: Buffer.from(body) })), outcomes };
  };
  test('a review is answered, broken requests get their status', async () => {
    const good = await send(JSON.stringify(review), 'application/json; charset=utf-8');
    expect([good.status, good.outcomes]).toEqual([200, ['injected']]);
    expect((JSON.parse(good.body) as AdmissionReview).response?.uid).toBe('u');
    expect((await send('')).status).toBe(400);
    expect((await send('{')).status).toBe(400);
    expect((await send('{}')).status).toBe(400);
    expect((await send(JSON.stringify(review), 'text/plain')).status).toBe(415);
    const broken = await send(JSON.stringify({ request: { uid: 'u', object: { spec: {} } } }));
    expect([broken.status, broken.outcomes]).toEqual([200, ['failed']]);
  });
  test('without configuration pods are not let in unguarded', async () => {
    const handler = createInjectHandler({ config: () => undefined });
    expect((await handler({ path: '/inject', contentType: 'application/json', body: Buffer.from('{}') })).status).toBe(
      503,
    );
  });
});
