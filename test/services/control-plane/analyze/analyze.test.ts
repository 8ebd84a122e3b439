// Analysis with Istio's codes, one small world per case.
import { describe, expect, test } from '@jest/globals';
import {
  type AnalysedObject,
  analyze,
  formatMessage,
  isAtLeast,
} from '../../../../services/control-plane/analyze/analyze.ts';

const of = (
  kind: string,
  name: string,
  spec: object,
  more: { namespace?: string; labels?: object; annotations?: object; group?: string } = {},
): AnalysedObject => {
  const { group = 'networking.istio.io', namespace = kind === 'Namespace' ? undefined : 'default', ...metadata } = more;
  return {
    apiVersion: group === '' ? 'v1' : `${group}/v1`,
    kind,
    metadata: { name, ...(namespace ? { namespace } : {}), ...metadata },
    spec,
  } as AnalysedObject;
};
const core = (kind: string, name: string, spec: object, more: object = {}) =>
  of(kind, name, spec, { group: '', ...more });
const pod = (name: string, labels: object, more: object = {}) =>
  core('Pod', name, { containers: [{ name: 'app' }, { name: 'istio-proxy' }] }, { labels, ...more });
const service = (name: string, ports: object[] = [{ name: 'http', port: 9080 }]) =>
  core('Service', name, { selector: { app: name }, ports });
const subsets = of('DestinationRule', 'reviews', {
  host: 'reviews',
  subsets: ['v1', 'v2'].map((name) => ({ name, labels: { version: name } })),
});
const route = (destination: object, more: object = {}) =>
  of('VirtualService', 'reviews', { hosts: ['reviews'], http: [{ route: [{ destination }] }], ...more });

const world = [
  core('Namespace', 'default', {}, { labels: { 'istio-injection': 'enabled' } }),
  service('reviews'),
  pod('reviews-v1', { app: 'reviews', version: 'v1' }),
  pod('reviews-v2', { app: 'reviews', version: 'v2' }),
  pod('gateway', { istio: 'ingressgateway' }, { namespace: 'istio-system' }),
  of('Gateway', 'bookinfo', {
    selector: { istio: 'ingressgateway' },
    servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }],
  }),
  subsets,
];
const codes = (...objects: AnalysedObject[]) => analyze([...world, ...objects]).map((each) => each.code);
const lines = (...objects: AnalysedObject[]) => analyze([...world, ...objects]).map((each) => formatMessage(each));

describe('a world in order', () => {
  test('has no findings', () =>
    expect(lines(route({ host: 'reviews', subset: 'v1' }, { gateways: ['bookinfo', 'mesh'] }))).toEqual([]));
});

describe('VirtualService', () => {
  test('an unknown subset is IST0101', () =>
    expect(lines(route({ host: 'reviews', subset: 'v4' }))).toEqual([
      'Error [IST0101] (VirtualService default/reviews) Referenced host+subset in destinationrule not found: "reviews+v4" (did you mean v1?)',
    ]));

  test('an unknown gateway is IST0101', () =>
    expect(lines(route({ host: 'reviews' }, { gateways: ['bokinfo'] }))).toEqual([
      'Error [IST0101] (VirtualService default/reviews) Referenced gateway not found: "bokinfo" (did you mean default/bookinfo?)',
    ]));

  test('an unknown host, and an unknown mirror, are IST0101', () => {
    expect(lines(route({ host: 'review' }))).toEqual([
      'Error [IST0101] (VirtualService default/reviews) Referenced host not found: "review" (did you mean reviews?)',
    ]);
    const mirrored = of('VirtualService', 'm', {
      hosts: ['m'],
      http: [{ route: [{ destination: { host: 'reviews' } }], mirror: { host: 'x.y' } }],
    });
    expect(lines(mirrored)).toEqual([
      'Error [IST0101] (VirtualService default/m) Referenced mirror host not found: "x.y"',
    ]);
  });

  test('a ServiceEntry makes a host known, also by wildcard', () => {
    const entry = of('ServiceEntry', 'e', {
      hosts: ['*.example.com'],
      ports: [{ number: 443, name: 'tls', protocol: 'TLS' }],
      resolution: 'NONE',
    });
    expect(codes(entry, route({ host: 'api.example.com' }))).toEqual([]);
  });

  test('several ports and none named is IST0112', () => {
    const ratings = service('ratings', [
      { name: 'http', port: 1 },
      { name: 'grpc', port: 2 },
    ]);
    expect(codes(ratings, route({ host: 'ratings' }))).toEqual(['IST0112']);
    expect(codes(ratings, route({ host: 'ratings', port: { number: 1 } }))).toEqual([]);
  });

  test('two for one host of the mesh are IST0109, unless no namespace sees both', () => {
    const other = (exportTo: string[], namespace: string) =>
      of(
        'VirtualService',
        'b',
        {
          hosts: ['reviews.default.svc.cluster.local'],
          exportTo,
          http: [{ route: [{ destination: { host: 'reviews.default.svc.cluster.local' } }] }],
        },
        { namespace },
      );
    const mine = route({ host: 'reviews' });
    expect(codes(mine, other([], 'default'))).toEqual(['IST0109', 'IST0109']);
    expect(codes(route({ host: 'reviews' }, { exportTo: ['.'] }), other(['.'], 'other'))).toEqual([]);
    expect(codes(route({ host: 'reviews' }, { gateways: ['bookinfo'] }), other([], 'default'))).toEqual([]);
  });

  test('a host that its gateway does not serve is IST0132', () => {
    const gateway = of('Gateway', 'narrow', {
      selector: { istio: 'ingressgateway' },
      servers: [{ port: { number: 81, name: 'http', protocol: 'HTTP' }, hosts: ['*.example.com'] }],
    });
    expect(codes(gateway, route({ host: 'reviews' }, { gateways: ['narrow'] }))).toEqual(['IST0132']);
    expect(codes(gateway, route({ host: 'reviews' }, { gateways: ['narrow'], hosts: ['a.example.com'] }))).toEqual([]);
  });

  test('what the webhook refuses is IST0106; what it warns of is IST0133, IST0130, IST0131', () => {
    expect(codes(route({ host: 'reviews' }, { htp: [] }))).toEqual(['IST0106']);
    const target = [{ destination: { host: 'reviews' } }];
    expect(codes(route({ host: 'reviews' }, { http: [{ route: target }, { route: target }] }))).toEqual(['IST0130']);
    const match = (prefix: string) => ({ match: [{ uri: { prefix } }], route: target });
    expect(codes(route({ host: 'reviews' }, { http: [match('/a'), match('/ab')] }))).toEqual(['IST0131']);
    expect(codes(route({ host: 'reviews' }, { http: [{ route: target, fault: { abort: {} } }] }))).toEqual(['IST0133']);
  });

  test('a wrong shape never makes analysis fall over', () => {
    for (const spec of [
      { hosts: ['reviews'], http: [{ route: [{}] }] },
      { hosts: ['reviews'], http: [{ route: [{ destination: { host: 1 } }] }] },
    ]) {
      expect(codes(of('VirtualService', 'x', spec))).toContain('IST0106');
    }
  });
});

describe('Gateway', () => {
  const gateway = (name: string, more: object) =>
    of('Gateway', name, {
      selector: { istio: 'ingressgateway' },
      servers: [
        {
          port: { number: 443, name: 'https', protocol: 'HTTPS' },
          hosts: ['*'],
          tls: { mode: 'SIMPLE', credentialName: 'cert' },
        },
      ],
      ...more,
    });
  const secret = core('Secret', 'cert', {}, { namespace: 'istio-system' });
  test('a selector without pods, a secret that is missing: IST0101', () => {
    expect(codes(secret, gateway('a', {}))).toEqual([]);
    expect(codes(secret, gateway('a', { selector: { istio: 'nothing' } }))).toEqual(['IST0101']);
    expect(codes(gateway('a', {}))).toEqual(['IST0101']);
  });
  test('two with one selector, port and host: IST0145', () => {
    expect(codes(secret, gateway('a', {}), gateway('b', {}))).toEqual(['IST0145', 'IST0145']);
    expect(
      codes(
        secret,
        gateway('a', {}),
        gateway('b', { selector: { istio: 'ingressgateway', team: 'b' } }),
        pod('b', { istio: 'ingressgateway', team: 'b' }, { namespace: 'istio-system' }),
      ),
    ).toEqual([]);
  });
});

describe('the rest', () => {
  test('DestinationRule: unknown host IST0174, subset without pods IST0173, unchecked servers IST0128 and IST0129', () => {
    expect(codes(of('DestinationRule', 'd', { host: 'nothing' }))).toEqual(['IST0174']);
    expect(
      codes(of('DestinationRule', 'd', { host: 'reviews', subsets: [{ name: 'v9', labels: { version: 'v9' } }] })),
    ).toEqual(['IST0173']);
    expect(
      codes(
        of('DestinationRule', 'd', {
          host: 'reviews',
          trafficPolicy: {
            tls: { mode: 'SIMPLE' },
            portLevelSettings: [{ port: { number: 1 }, tls: { mode: 'SIMPLE' } }],
          },
        }),
      ),
    ).toEqual(['IST0128', 'IST0129']);
  });
  test('namespaces and pods without sidecar: IST0102, IST0103, IST0123', () => {
    expect(codes(core('Namespace', 'other', {}))).toEqual(['IST0102']);
    expect(
      codes(core('Namespace', 'both', {}, { labels: { 'istio-injection': 'enabled', 'istio.io/rev': 'a' } })),
    ).toEqual(['IST0123']);
    expect(codes(core('Pod', 'bare', { containers: [{ name: 'app' }] }))).toEqual(['IST0103']);
  });
  test('port names without protocol: IST0118', () =>
    expect(codes(service('odd', [{ name: 'web', port: 80 }]))).toEqual(['IST0118']));
  test('suppression by annotation, and by namespace', () => {
    expect(
      codes(
        core('Namespace', 'other', {}, { annotations: { 'galley.istio.io/analyze-suppress': 'IST0103, IST0102' } }),
      ),
    ).toEqual([]);
    expect(
      analyze([...world, core('Namespace', 'other', {}), route({ host: 'nothing' })], { namespaces: ['other'] }).map(
        (each) => each.code,
      ),
    ).toEqual(['IST0102']);
  });
  test('thresholds', () =>
    expect([isAtLeast('Error', 'Warning'), isAtLeast('Info', 'Warning'), isAtLeast('Warning', 'Warning')]).toEqual([
      true,
      false,
      true,
    ]));
});
