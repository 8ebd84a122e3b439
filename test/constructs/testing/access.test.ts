// AuthorizationPolicies, asked of the oracle: generated as RBAC, decided by the code that the proxy runs.
import { describe, expect, test } from '@jest/globals';
import { expectRequest } from '../../../constructs/testing/index.ts';

const deployment = (name: string, more: { namespace?: string; account?: string } = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: more.namespace ?? 'default' },
  spec: {
    template: {
      metadata: { labels: { app: name } },
      spec: {
        serviceAccountName: more.account ?? name,
        containers: [{ name: 'app', ports: [{ name: 'http', containerPort: 9080 }] }],
      },
    },
  },
});
const world = [
  deployment('web'),
  deployment('batch'),
  deployment('spy', { namespace: 'other' }),
  deployment('api'),
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'api', namespace: 'default' },
    spec: {
      selector: { app: 'api' },
      ports: [
        { name: 'http', port: 9080 },
        { name: 'tcp-raw', port: 7000 },
      ],
    },
  },
];
const policy = (name: string, spec: object, more: object = {}) => ({
  apiVersion: 'security.istio.io/v1',
  kind: 'AuthorizationPolicy',
  metadata: { name, namespace: 'default', ...more },
  spec: { selector: { matchLabels: { app: 'api' } }, ...spec },
});
const ask = (from: string, ...policies: object[]) => expectRequest([...world, ...policies]).from(from);
const API = 'http://api.default:9080';

describe('who may call', () => {
  const onlyWeb = policy('web', {
    rules: [
      {
        from: [{ source: { principals: ['cluster.local/ns/default/sa/web'] } }],
        to: [{ operation: { methods: ['GET'], paths: ['/read*', '/files/{**}'] } }],
      },
    ],
  });
  test('an ALLOW policy lets its callers through and nobody else', () => {
    ask('web', onlyWeb).get(`${API}/read/1`).reaches('api');
    ask('web', onlyWeb).get(`${API}/files/a/b`).reaches('api');
    ask('web', onlyWeb).get(`${API}/write`).isDenied();
    ask('web', onlyWeb).post(`${API}/read/1`).isDenied();
    ask('batch', onlyWeb).get(`${API}/read/1`).isDenied();
    expect(ask('batch', onlyWeb).get(`${API}/read/1`).explain()).toContain(
      'api denies access: no ALLOW policy matches (403)',
    );
  });
  test('DENY wins, and is named', () => {
    const noDeletes = policy('no-deletes', {
      action: 'DENY',
      rules: [{ to: [{ operation: { methods: ['DELETE'], ports: ['9080'] } }] }],
    });
    ask('web', noDeletes).get(`${API}/`).reaches('api');
    ask('web', noDeletes).delete(`${API}/`).isDenied();
    expect(ask('web', noDeletes).delete(`${API}/`).explain()).toContain(
      'DENY policy ns[default]-policy[no-deletes]-rule[0] matches',
    );
  });
  test('no rules allow nothing; an empty rule allows everything; other workloads are not concerned', () => {
    ask('web', policy('nothing', {})).get(`${API}/`).isDenied();
    ask('web', policy('everything', { rules: [{}] }))
      .get(`${API}/`)
      .reaches('api');
    ask('web', policy('elsewhere', { selector: { matchLabels: { app: 'web' } } }))
      .get(`${API}/`)
      .reaches('api');
  });
  test('namespaces, service accounts, exceptions, headers', () => {
    const from = (source: object, when?: object[]) =>
      policy('p', { rules: [{ from: [{ source }], ...(when ? { when } : {}) }] });
    ask('spy', from({ namespaces: ['default'] }))
      .get(`${API}/`)
      .isDenied();
    ask('spy', from({ notNamespaces: ['default'] }))
      .get(`${API}/`)
      .reaches('api');
    ask('web', from({ serviceAccounts: ['web'] }))
      .get(`${API}/`)
      .reaches('api');
    ask('spy', from({ serviceAccounts: ['other/spy'] }))
      .get(`${API}/`)
      .reaches('api');
    ask('web', from({ principals: ['*/sa/web'] }))
      .get(`${API}/`)
      .reaches('api');
    ask('web', from({ ipBlocks: ['192.0.2.0/24'] }))
      .get(`${API}/`)
      .isDenied();
    const token = [{ key: 'request.headers[x-token]', values: ['secret'] }];
    ask('web', from({ namespaces: ['default'] }, token))
      .get(`${API}/`)
      .isDenied();
    ask('web', from({ namespaces: ['default'] }, token))
      .get(`${API}/`)
      .withHeaders({ 'X-Token': 'secret' })
      .reaches('api');
  });
  test('the root namespace speaks for all; a dry run and an audit stop nobody; CUSTOM without an authoriser denies', () => {
    ask('web', policy('mesh', { selector: undefined }, { namespace: 'istio-system' }))
      .get(`${API}/`)
      .isDenied();
    ask('web', policy('dry', {}, { annotations: { 'istio.io/dry-run': 'true' } }))
      .get(`${API}/`)
      .reaches('api');
    ask('web', policy('audit', { action: 'AUDIT', rules: [{}] }))
      .get(`${API}/`)
      .reaches('api');
    ask('web', policy('custom', { action: 'CUSTOM', provider: { name: 'x' }, rules: [{}] }))
      .get(`${API}/`)
      .isDenied();
  });
  test('on TCP an ALLOW rule of HTTP attributes does not exist, a DENY rule is wider', () => {
    const raw = 'http://api.default:7000/';
    const http = { to: [{ operation: { methods: ['GET'] } }] };
    ask('web', policy('http', { rules: [http] }))
      .get(raw)
      .isDenied();
    ask('web', policy('deny', { action: 'DENY', rules: [http] }))
      .get(raw)
      .isDenied();
    ask('web', policy('ns', { rules: [{ from: [{ source: { namespaces: ['default'] } }] }] }))
      .get(raw)
      .reaches('api');
  });
});
