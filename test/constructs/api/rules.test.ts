// What is refused and what is warned of, with its field: the rules across fields, kind by kind.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { tryDurationMs, toProtoDuration } from '../../../constructs/api/duration.ts';
import { hostsOverlap, hostWithin, isIpOrCidr, isIpv6 } from '../../../constructs/api/hosts.ts';
import { formatProblem, isError, nearestName } from '../../../constructs/api/problem.ts';
import { kinds, tryKind, tryKindOf } from '../../../constructs/api/registry.ts';

const GROUP: Record<string, string> = {
  PeerAuthentication: 'security.istio.io',
  AuthorizationPolicy: 'security.istio.io',
  RequestAuthentication: 'security.istio.io',
};
const validate = (kind: string, spec: object, metadata: object = { name: 'x', namespace: 'default' }) => {
  const group = GROUP[kind] ?? 'networking.istio.io';
  return tryKind(group, kind)!.validate({ apiVersion: `${group}/v1`, kind, metadata, spec });
};
/** `path code` of the errors. */
const errors = (kind: string, spec: object, metadata?: object) =>
  validate(kind, spec, metadata)
    .filter(isError)
    .map((each) => `${each.path} ${each.code}`);
const to = (host: string, more: object = {}) => ({ destination: { host, ...more } });
const http = (...rules: object[]) => errors('VirtualService', { hosts: ['a'], http: rules });
const rule = (more: object) => http({ route: [to('a')], ...more });
const at = (path: string) => `spec.http[0].${path}`;

describe('VirtualService', () => {
  test('a plain one is right', () =>
    expect(rule({ timeout: '5s', retries: { attempts: 2, retryOn: '5xx,503' } })).toEqual([]));
  test.each<[string, object, string[]]>([
    [
      'no hosts makes a delegate: no gateways',
      { gateways: ['a/b'], http: [{ route: [to('a')] }] },
      ['spec.gateways conflict'],
    ],
    ['nothing to do', { hosts: ['a'] }, ['spec required']],
    ['* for sidecars', { hosts: ['*'], http: [{ route: [to('a')] }] }, ['spec.hosts[0] bad-host']],
    ['* for a gateway', { hosts: ['*'], gateways: ['gw'], http: [{ route: [to('a')] }] }, []],
    ['inner wildcard', { hosts: ['a.*.b'], http: [{ route: [to('a')] }] }, ['spec.hosts[0] bad-host']],
    [
      'covered host',
      { hosts: ['*.b.c', 'a.b.c'], gateways: ['gw'], http: [{ route: [to('a')] }] },
      ['spec.hosts[1] duplicate'],
    ],
    [
      'bad gateway',
      { hosts: ['a'], gateways: ['x/y/z'], http: [{ route: [to('a')] }] },
      ['spec.gateways[0] bad-gateway-name'],
    ],
    [
      'exportTo * and others',
      { hosts: ['a'], exportTo: ['*', 'b'], http: [{ route: [to('a')] }] },
      ['spec.exportTo bad-export-to'],
    ],
    [
      'exportTo twice',
      { hosts: ['a'], exportTo: ['.', 'default'], http: [{ route: [to('a')] }] },
      ['spec.exportTo[1] duplicate'],
    ],
    [
      'JWT claim without gateway',
      {
        hosts: ['a'],
        http: [{ match: [{ headers: { '@request.auth.claims.sub': { exact: 'a' } } }], route: [to('a')] }],
      },
      ['spec.http[0].match[0].headers["@request.auth.claims.sub"] gateway-only'],
    ],
    [
      'SNI outside of hosts',
      { hosts: ['a.b'], tls: [{ match: [{ sniHosts: ['c.d'] }], route: [to('a')] }] },
      ['spec.tls[0].match[0].sniHosts[0] sni-outside-hosts'],
    ],
    [
      'TLS without names and route',
      { hosts: ['a.b'], tls: [{ match: [{ sniHosts: [] }] }] },
      ['spec.tls[0].match[0].sniHosts required', 'spec.tls[0].route required'],
    ],
    [
      'TCP subnet',
      { hosts: ['a'], tcp: [{ match: [{ destinationSubnets: ['10.0.0.0/33'] }], route: [to('a')] }] },
      ['spec.tcp[0].match[0].destinationSubnets[0] bad-subnet'],
    ],
  ])('%s', (_name, spec, expected) => expect(errors('VirtualService', spec)).toEqual(expected));

  test.each<[string, object, string[]]>([
    ['route and redirect', { redirect: { uri: '/b' } }, ['spec.http[0] conflict']],
    ['two answers', { directResponse: { status: 200 } }, ['spec.http[0] conflict']],
    ['delegate with route', { delegate: { name: 'd' } }, [`${at('route')} conflict`]],
    [
      'empty prefix of a header',
      { match: [{ headers: { k: { prefix: '' } } }] },
      [`${at('match[0].headers.k.prefix')} empty-prefix`],
    ],
    ['empty prefix of a path', { match: [{ uri: { prefix: '' } }] }, []],
    ['regex that is not RE2', { match: [{ uri: { regex: '(?=a)' } }] }, [`${at('match[0].uri.regex')} bad-regex`]],
    ['long regex', { match: [{ uri: { regex: 'a'.repeat(1025) } }] }, [`${at('match[0].uri.regex')} bad-regex`]],
    ['regex * of a header is presence', { match: [{ headers: { k: { regex: '*' } } }] }, []],
    [
      'bad header name',
      { match: [{ headers: { 'a b': { exact: 'x' } } }] },
      [`${at('match[0].headers["a b"]')} bad-header`],
    ],
    ['exact and prefix', { match: [{ uri: { exact: '/', prefix: '/' } }] }, [`${at('match[0].uri')} exclusive`]],
    ['port', { match: [{ port: 70000 }] }, [`${at('match[0].port')} bad-port`]],
    ['source namespace', { match: [{ sourceNamespace: 'a.b' }] }, [`${at('match[0].sourceNamespace')} bad-namespace`]],
    ['labels', { match: [{ sourceLabels: { a: 'b c' } }] }, [`${at('match[0].sourceLabels.a')} bad-label`]],
    [
      'Host in response',
      { headers: { response: { set: { Host: 'a' } } } },
      [`${at('headers.response.set.Host')} bad-header`],
    ],
    [
      'pseudo-header',
      { headers: { request: { set: { ':path': 'a' } } } },
      [`${at('headers.request.set[":path"]')} bad-header`],
    ],
    [
      'authority twice',
      { headers: { request: { set: { host: 'a' } } }, rewrite: { authority: 'b' } },
      [`${at('headers.request.set.host')} conflict`],
    ],
    [
      'header format',
      { headers: { request: { add: { a: '100%' } } } },
      [`${at('headers.request.add.a')} bad-header-value`],
    ],
    [
      'header formats that are right',
      { headers: { request: { add: { a: '100%%', b: '%REQ(:path)% x', c: '%START_TIME%' } } } },
      [],
    ],
    [
      'CORS',
      { corsPolicy: { allowOrigins: [{}], allowMethods: ['FLY'], allowHeaders: ['a b', '*'], maxAge: '1500ms' } },
      [
        `${at('corsPolicy.allowOrigins[0]')} required`,
        `${at('corsPolicy.allowMethods[0]')} unknown-value`,
        `${at('corsPolicy.allowHeaders[0]')} bad-header`,
        `${at('corsPolicy.maxAge')} bad-duration`,
      ],
    ],
    ['empty fault', { fault: {} }, [`${at('fault')} required`]],
    [
      'fault status',
      { fault: { abort: { httpStatus: 100, percentage: { value: 101 } } } },
      [`${at('fault.abort.percentage.value')} bad-percent`, `${at('fault.abort.httpStatus')} bad-status`],
    ],
    ['gRPC status', { fault: { abort: { grpcStatus: 'UNAVAILABLE' } } }, []],
    [
      'unknown gRPC status',
      { fault: { abort: { grpcStatus: 'unavailable' } } },
      [`${at('fault.abort.grpcStatus')} unknown-value`],
    ],
    [
      'mirror twice',
      { mirror: { host: 'a' }, mirrors: [{ destination: { host: 'a' } }] },
      [`${at('mirrors')} conflict`],
    ],
    [
      'mirror percentage',
      { mirror: { host: 'a' }, mirrorPercentage: { value: 120 } },
      [`${at('mirrorPercentage.value')} bad-percent`],
    ],
    [
      'retries',
      { retries: { attempts: -1, retryOn: '5xx, reset' } },
      [`${at('retries.attempts')} out-of-range`, `${at('retries.retryOn')} unknown-value`],
    ],
    [
      'no attempts, but a timeout',
      { retries: { attempts: 0, perTryTimeout: '1s' } },
      [`${at('retries.perTryTimeout')} conflict`],
    ],
    ['empty rewrite', { rewrite: {} }, [`${at('rewrite')} required`]],
    [
      'two rewrites',
      { rewrite: { uri: '/', uriRegexRewrite: { match: 'a', rewrite: 'b' } } },
      [`${at('rewrite')} conflict`],
    ],
    ['bad timeout', { timeout: '0.5ms' }, [`${at('timeout')} bad-duration`]],
    ['timeout without unit', { timeout: '5' }, [`${at('timeout')} bad-duration`]],
  ])('%s', (_name, more, expected) => expect(rule(more)).toEqual(expected));

  test.each<[string, object, string[]]>([
    ['no answer', {}, ['spec.http[0] required']],
    ['weights of 0', { route: [to('a'), to('b')] }, [`${at('route')} no-weight`]],
    ['a negative weight', { route: [{ ...to('a'), weight: -1 }] }, [`${at('route[0].weight')} out-of-range`]],
    ['host *', { route: [to('*')] }, [`${at('route[0].destination.host')} bad-host`]],
    ['subset name', { route: [to('a', { subset: 'v 1' })] }, [`${at('route[0].destination.subset')} bad-name`]],
    ['port 0', { route: [to('a', { port: { number: 0 } })] }, [`${at('route[0].destination.port.number')} bad-port`]],
    ['empty redirect', { redirect: {} }, [`${at('redirect')} required`]],
    [
      'redirect code and scheme',
      { redirect: { uri: '/', redirectCode: 200, scheme: 'ftp' } },
      [`${at('redirect.redirectCode')} bad-status`, `${at('redirect.scheme')} unknown-value`],
    ],
    [
      'prefixRewrite with exact',
      { match: [{ uri: { exact: '/' } }], redirect: { prefixRewrite: '/b' } },
      [`${at('redirect.prefixRewrite')} conflict`],
    ],
    [
      'fault with redirect',
      { redirect: { uri: '/' }, fault: { abort: { httpStatus: 500 } } },
      [`${at('fault')} conflict`],
    ],
    [
      'large body',
      { directResponse: { status: 200, body: { string: 'x'.repeat(1_000_001) } } },
      [`${at('directResponse.body')} too-large`],
    ],
  ])('%s', (_name, only, expected) => expect(http(only)).toEqual(expected));
});

describe('DestinationRule', () => {
  const policy = (trafficPolicy: object) =>
    errors('DestinationRule', { host: 'a', trafficPolicy }).map((each) => each.replace('spec.trafficPolicy', ''));
  test.each<[string, object, string[]]>([
    ['nothing', {}, [' required']],
    ['empty pool', { connectionPool: {} }, ['.connectionPool required']],
    [
      'upgrade and client protocol',
      { connectionPool: { http: { h2UpgradePolicy: 'UPGRADE', useClientProtocol: true } } },
      ['.connectionPool.http.useClientProtocol conflict'],
    ],
    [
      'keepalive',
      { connectionPool: { http: { http2KeepAlive: { interval: '1s' } } } },
      ['.connectionPool.http.http2KeepAlive.timeout required'],
    ],
    ['idle timeout off', { connectionPool: { tcp: { idleTimeout: '0s' } } }, []],
    [
      'maglev',
      { loadBalancer: { consistentHash: { useSourceIp: true, maglev: { tableSize: 10 } } } },
      ['.loadBalancer.consistentHash.maglev.tableSize not-prime'],
    ],
    [
      'simple and hash',
      { loadBalancer: { simple: 'RANDOM', consistentHash: { useSourceIp: true } } },
      ['.loadBalancer exclusive'],
    ],
    [
      'distribution',
      {
        loadBalancer: {
          localityLbSetting: {
            distribute: [
              { from: 'a/*', to: { b: 50 } },
              { from: 'a/x', to: { b: 100 } },
            ],
          },
        },
      },
      [
        '.loadBalancer.localityLbSetting.distribute[0].to bad-weight',
        '.loadBalancer.localityLbSetting.distribute[1].from overlap',
      ],
    ],
    [
      'failover to itself',
      { outlierDetection: {}, loadBalancer: { localityLbSetting: { failover: [{ from: 'a', to: 'a' }] } } },
      ['.loadBalancer.localityLbSetting.failover[0] conflict'],
    ],
    [
      'percentages',
      { outlierDetection: { maxEjectionPercent: 101 } },
      ['.outlierDetection.maxEjectionPercent bad-percent'],
    ],
    [
      'mutual without certificates',
      { tls: { mode: 'MUTUAL' } },
      ['.tls.clientCertificate required', '.tls.privateKey required'],
    ],
    ['mutual of the mesh with files', { tls: { mode: 'ISTIO_MUTUAL', privateKey: '/k' } }, ['.tls conflict']],
    [
      'port level',
      { portLevelSettings: [{ port: { number: 0 } }] },
      ['.portLevelSettings[0].port.number bad-port', '.portLevelSettings[0] required'],
    ],
    [
      'tunnel',
      { tunnel: { protocol: 'GET', targetHost: 'a b', targetPort: 0 } },
      ['.tunnel.protocol unknown-value', '.tunnel.targetHost bad-host', '.tunnel.targetPort bad-port'],
    ],
  ])('%s', (_name, trafficPolicy, expected) => expect(policy(trafficPolicy)).toEqual(expected));
  test('subsets are named once', () =>
    expect(errors('DestinationRule', { host: 'a', subsets: [{ name: 'v1' }, { name: 'v1' }, { name: '' }] })).toEqual([
      'spec.subsets[1].name duplicate',
      'spec.subsets[2].name bad-name',
    ]));
  test('with a workloadSelector it stays at home', () =>
    expect(
      errors('DestinationRule', { host: 'a', workloadSelector: { matchLabels: { a: 'b' } }, exportTo: ['other'] }),
    ).toEqual(['spec.exportTo bad-export-to']));
});

describe('Gateway', () => {
  const server = (more: object, port: object = {}) =>
    errors('Gateway', {
      servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP', ...port }, hosts: ['*'], ...more }],
    }).map((each) => each.replace('spec.servers[0].', ''));
  const https = { number: 443, name: 'https', protocol: 'HTTPS' };
  test.each<[string, object, object, string[]]>([
    ['plain', {}, {}, []],
    ['redirect', { tls: { httpsRedirect: true } }, {}, []],
    ['unknown protocol', {}, { protocol: 'HTTTP' }, ['port.protocol unknown-value']],
    ['protocol in lower case', {}, { protocol: 'http' }, []],
    ['HTTPS without TLS', {}, https, ['tls required']],
    ['TLS on HTTP', { tls: { mode: 'SIMPLE', credentialName: 'c' } }, {}, ['tls conflict']],
    ['no hosts', { hosts: [] }, {}, ['hosts required']],
    ['short host', { hosts: ['reviews'] }, {}, ['hosts[0] short-host']],
    ['scoped host', { hosts: ['./*', '*/a.b', 'ns/a.c'] }, {}, []],
    ['bad scope', { hosts: ['a_b/a.b'] }, {}, ['hosts[0] bad-host']],
    ['target port', {}, { targetPort: 8080 }, ['port.targetPort no-effect']],
    ['unix socket', { bind: 'unix:///run/x' }, { number: 0 }, []],
    ['bind', { bind: 'example.com' }, {}, ['bind bad-address']],
    ['two sources', { tls: { mode: 'SIMPLE', credentialName: 'c', credentialNames: ['d'] } }, https, ['tls conflict']],
    [
      'simple without certificate',
      { tls: { mode: 'SIMPLE' } },
      https,
      ['tls.serverCertificate required', 'tls.privateKey required'],
    ],
    [
      'mutual without CA',
      { tls: { mode: 'MUTUAL', serverCertificate: 'c', privateKey: 'k' } },
      https,
      ['tls.caCertificates required'],
    ],
    [
      'mesh certificates with a secret',
      { tls: { mode: 'ISTIO_MUTUAL', credentialName: 'c' } },
      https,
      ['tls.credentialName conflict'],
    ],
  ])('%s', (_name, more, port, expected) => expect(server(more, port)).toEqual(expected));
  test('needs a server, a name without dots and unique port names', () => {
    expect(errors('Gateway', {}, { name: 'a.b' })).toEqual(['metadata.name bad-name', 'spec.servers required']);
    const port = { port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] };
    expect(errors('Gateway', { servers: [port, port] })).toEqual(['spec.servers[1].port.name duplicate']);
  });
});

describe('PeerAuthentication', () => {
  test('ports need a selector and are numbers', () => {
    expect(errors('PeerAuthentication', { portLevelMtls: { '80': { mode: 'DISABLE' } } })).toEqual([
      'spec.portLevelMtls selector-required',
    ]);
    expect(
      errors('PeerAuthentication', { selector: { matchLabels: { a: 'b' } }, portLevelMtls: { http: {}, '70000': {} } }),
    ).toEqual(['spec.portLevelMtls["70000"] bad-port', 'spec.portLevelMtls.http bad-port']);
    expect(errors('PeerAuthentication', { mtls: { mode: 'STRICT' } })).toEqual([]);
    expect(errors('PeerAuthentication', {})).toEqual([]);
  });
});

describe('AuthorizationPolicy', () => {
  const of = (spec: object) => errors('AuthorizationPolicy', spec).map((each) => each.replace('spec.', ''));
  const rule = (more: object) => of({ rules: [more] }).map((each) => each.replace('rules[0].', ''));
  test.each<[string, object, string[]]>([
    ['nothing allows nothing', {}, []],
    ['DENY without rules', { action: 'DENY' }, ['rules required']],
    ['CUSTOM without provider', { action: 'CUSTOM', rules: [{}] }, ['provider.name required']],
    ['provider without CUSTOM', { provider: { name: 'p' }, rules: [{}] }, ['provider conflict']],
    [
      'CUSTOM with identities',
      { action: 'CUSTOM', provider: { name: 'p' }, rules: [{ from: [{ source: { principals: ['a'] } }] }] },
      ['rules[0].from[0].source.principals unsupported'],
    ],
    [
      'selector and targets',
      { selector: { matchLabels: { a: 'b' } }, targetRefs: [{ kind: 'Service', name: 'a' }] },
      [' conflict'],
    ],
    [
      'a target of another kind',
      { targetRefs: [{ group: 'apps', kind: 'Deployment', name: 'a' }] },
      ['targetRefs[0] bad-target'],
    ],
  ])('%s', (_name, spec, expected) =>
    expect(of(spec)).toEqual(expected.map((each) => (each.startsWith(' ') ? `spec${each}` : each))),
  );
  test.each<[string, object, string[]]>([
    ['empty from', { from: [] }, ['from required']],
    ['empty source', { from: [{ source: {} }] }, ['from[0].source required']],
    ['empty value', { from: [{ source: { namespaces: [''] } }] }, ['from[0].source.namespaces[0] empty-value']],
    [
      'addresses',
      { from: [{ source: { ipBlocks: ['10.0.0.0/8', 'x'] } }] },
      ['from[0].source.ipBlocks[1] bad-address'],
    ],
    [
      'service accounts',
      { from: [{ source: { serviceAccounts: ['a/b', 'a*'] } }] },
      ['from[0].source.serviceAccounts[1] bad-name'],
    ],
    [
      'service accounts with namespaces',
      { from: [{ source: { serviceAccounts: ['a'], namespaces: ['n'] } }] },
      ['from[0].source conflict'],
    ],
    ['ports', { to: [{ operation: { ports: ['80', 'http'] } }] }, ['to[0].operation.ports[1] bad-port']],
    [
      'path templates',
      { to: [{ operation: { paths: ['/a/{*}/b', '/a/{**}', '/{**}/a', '/a{*}'] } }] },
      ['to[0].operation.paths[2] bad-path-template', 'to[0].operation.paths[3] bad-path-template'],
    ],
    ['condition without values', { when: [{ key: 'source.ip' }] }, ['when[0] required']],
    ['unknown condition', { when: [{ key: 'source.ipp', values: ['1.1.1.1'] }] }, ['when[0].key unknown-key']],
    [
      'conditions that are right',
      {
        when: [
          { key: 'request.headers[x-token]', values: ['a'] },
          { key: 'request.auth.claims[a][b]', notValues: ['c'] },
        ],
      },
      [],
    ],
  ])('%s', (_name, more, expected) => expect(rule(more)).toEqual(expected));
  test('a DENY rule of HTTP attributes alone is warned of', () => {
    const warnings = validate('AuthorizationPolicy', {
      action: 'DENY',
      rules: [{ to: [{ operation: { methods: ['GET'] } }] }],
    });
    expect(warnings.map((each) => [each.code, each.severity])).toEqual([['denies-tcp', 'warning']]);
  });
});

describe('RequestAuthentication', () => {
  const of = (rule: object) =>
    errors('RequestAuthentication', { jwtRules: [rule] }).map((each) => each.replace('spec.jwtRules[0]', ''));
  test.each<[string, object, string[]]>([
    ['an issuer', { issuer: 'a', jwksUri: 'https://a.b/keys' }, []],
    ['nothing', {}, ['.issuer required']],
    ['two sources of keys', { issuer: 'a', jwks: '{"keys":[]}', jwksUri: 'https://a' }, [' conflict']],
    ['bad URL', { issuer: 'a', jwksUri: 'ftp://a' }, ['.jwksUri bad-url']],
    ['bad keys', { issuer: 'a', jwks: '{"keys":[{}]}' }, ['.jwks bad-jwks']],
  ])('%s', (_name, rule, expected) => expect(of(rule)).toEqual(expected));
});

describe('ServiceEntry', () => {
  const of = (more: object) =>
    errors('ServiceEntry', {
      hosts: ['a.b'],
      ports: [{ number: 443, name: 'tls', protocol: 'TLS' }],
      resolution: 'DNS',
      ...more,
    });
  test.each<[string, object, string[]]>([
    ['by DNS', {}, []],
    ['no hosts', { hosts: [] }, ['spec.hosts too-few']],
    ['*', { hosts: ['*'], resolution: 'NONE' }, ['spec.hosts[0] bad-host']],
    ['wildcard by DNS', { hosts: ['*.b'] }, ['spec.hosts[0] bad-host']],
    ['CIDR by DNS', { addresses: ['10.0.0.0/8'] }, ['spec.addresses[0] conflict']],
    [
      'endpoints without resolution',
      { resolution: 'NONE', endpoints: [{ address: '1.1.1.1' }] },
      ['spec.endpoints conflict'],
    ],
    [
      'static host name',
      { resolution: 'STATIC', endpoints: [{ address: 'a.b' }] },
      ['spec.endpoints[0].address bad-address'],
    ],
    [
      'endpoint port',
      { resolution: 'STATIC', endpoints: [{ address: '1.1.1.1', ports: { web: 1 } }] },
      ['spec.endpoints[0].ports.web unknown-port'],
    ],
    [
      'round robin',
      { resolution: 'DNS_ROUND_ROBIN', endpoints: [{ address: 'a.b' }, { address: 'c.d' }] },
      ['spec.endpoints too-many'],
    ],
    [
      'ports twice',
      {
        ports: [
          { number: 1, name: 'a' },
          { number: 1, name: 'a' },
        ],
      },
      ['spec.ports[1].name duplicate', 'spec.ports[1].number duplicate'],
    ],
    [
      'several hosts by TCP',
      { hosts: ['a.b', 'c.d'], ports: [{ number: 1, name: 'a', protocol: 'TCP' }] },
      ['spec.hosts conflict'],
    ],
    ['dynamic without wildcard', { resolution: 'DYNAMIC_DNS' }, ['spec.hosts[0] bad-host']],
    ['nobody and somebody', { exportTo: ['~', 'a'] }, ['spec.exportTo bad-export-to']],
  ])('%s', (_name, more, expected) => expect(of(more)).toEqual(expected));
});

describe('Sidecar', () => {
  const of = (spec: object) => errors('Sidecar', spec);
  const port = { number: 80, protocol: 'HTTP', name: 'http' };
  test.each<[string, object, string[]]>([
    ['imports', { egress: [{ hosts: ['./*', 'istio-system/*', '~/*', '*/a.b'] }] }, []],
    ['nothing', {}, ['spec required']],
    ['host without namespace', { egress: [{ hosts: ['a.b'] }] }, ['spec.egress[0].hosts[0] bad-host']],
    ['short host', { egress: [{ hosts: ['./reviews'] }] }, ['spec.egress[0].hosts[0] short-host']],
    ['catch-all first', { egress: [{ hosts: ['./*'] }, { port, hosts: ['./*'] }] }, ['spec.egress[0] bad-order']],
    ['port twice', { ingress: [{ port }, { port }] }, ['spec.ingress[1].port.number duplicate']],
    [
      'default endpoints',
      {
        ingress: [
          { port, defaultEndpoint: '127.0.0.1:8080' },
          { port: { ...port, number: 81 }, defaultEndpoint: '10.0.0.1:1' },
          { port: { ...port, number: 82 }, defaultEndpoint: '[::1]:99999' },
        ],
      },
      ['spec.ingress[1].defaultEndpoint bad-address', 'spec.ingress[2].defaultEndpoint bad-port'],
    ],
    [
      'TLS on HTTP',
      { ingress: [{ port, tls: { mode: 'SIMPLE', serverCertificate: 'c', privateKey: 'k' } }] },
      ['spec.ingress[0].tls conflict'],
    ],
    [
      'proxy without ALLOW_ANY',
      { outboundTrafficPolicy: { egressProxy: { host: 'a.b' } } },
      ['spec.outboundTrafficPolicy.egressProxy conflict', 'spec.outboundTrafficPolicy.egressProxy.port required'],
    ],
  ])('%s', (_name, spec, expected) => expect(of(spec)).toEqual(expected));
});

describe('every kind', () => {
  test('CRDs have one stored version, the status subresource, columns and a structural schema', () => {
    for (const kind of kinds) {
      const crd = kind.crd();
      expect(crd.metadata.name).toBe(`${kind.plural}.${kind.group}`);
      expect(crd.spec.versions.filter((version) => version.storage).map((version) => version.name)).toEqual([
        kind.version,
      ]);
      expect(
        crd.spec.versions.every(
          (version) => version.subresources.status && version.additionalPrinterColumns.at(-1)!.name === 'Age',
        ),
      ).toBe(true);
      expect(JSON.stringify(crd)).not.toContain('undefined');
    }
  });
  test('unknown fields anywhere are named with the nearest valid one', () => {
    expect(validate('VirtualService', { hosts: ['a'], http: [{ rout: [] }] }).map(formatProblem)[0]).toBe(
      'spec.http[0].rout: unknown field "rout" (did you mean route?)',
    );
    expect(
      tryKind('networking.istio.io', 'Gateway')!
        .validate({ apiVersion: 'networking.istio.io/v1', kind: 'Gateway', metadata: {}, sepc: {} })
        .map((each) => each.path),
    ).toContain('sepc');
  });
  test('internal annotations are refused', () =>
    expect(
      errors(
        'PeerAuthentication',
        {},
        { annotations: { 'internal.istio.io/parents': 'x', 'istio.io/dry-run': 'true' } },
      ),
    ).toHaveLength(2));
  test('are found by group and kind, and by served version', () => {
    expect(tryKindOf('networking.istio.io/v1alpha3', 'VirtualService')?.plural).toBe('virtualservices');
    expect(tryKindOf('networking.istio.io/v2', 'VirtualService')).toBeUndefined();
    expect(tryKindOf('v1', 'Pod')).toBeUndefined();
  });
  test('no input makes a validator throw', () => {
    const keys = fc.constantFrom(
      'hosts',
      'http',
      'match',
      'route',
      'destination',
      'host',
      'uri',
      'prefix',
      'servers',
      'port',
      'number',
      'tls',
      'mode',
      'trafficPolicy',
      'subsets',
      'name',
      'weight',
      'timeout',
      'headers',
      'selector',
      'matchLabels',
      'portLevelMtls',
      '__proto__',
      'constructor',
    );
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 6 },
        fc.string({ maxLength: 6 }),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('any'), { maxLength: 3 }),
        fc.dictionary(keys, tie('any'), { maxKeys: 4 }),
      ),
    })).any;
    fc.assert(
      fc.property(fc.constantFrom(...kinds), value, (kind, spec) => {
        expect(
          Array.isArray(
            kind.validate({ apiVersion: `${kind.group}/v1`, kind: kind.kind, metadata: { name: 'x' }, spec }),
          ),
        ).toBe(true);
        expect(Array.isArray(kind.validate(spec))).toBe(true);
      }),
      { numRuns: 600, seed: 7 },
    );
  });
});

describe('small parts', () => {
  test('durations', () => {
    expect(['1h2m3.5s', '250ms', '0', '1us', '-1s', '5', '', '1 s', '.5s'].map(tryDurationMs)).toEqual([
      3723500,
      250,
      0,
      0.001,
      -1000,
      undefined,
      undefined,
      undefined,
      500,
    ]);
    expect([1500, 250, 0, 3600000].map(toProtoDuration)).toEqual(['1.5s', '0.25s', '0s', '3600s']);
  });
  test('addresses', () => {
    expect(['::1', '2001:db8::1', '::ffff:10.0.0.1', '1::2::3', ':::', '12345::', 'a'].map(isIpv6)).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
    expect(['10.0.0.1', '10.0.0.0/8', '::/0', '256.0.0.1', '10.0.0.0/x', '01.2.3.4'].map(isIpOrCidr)).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
  });
  test('wildcards', () => {
    expect([
      hostsOverlap('*.b', 'a.b'),
      hostsOverlap('*.a.b', '*.b'),
      hostsOverlap('a', 'b'),
      hostsOverlap('*', 'x'),
    ]).toEqual([true, true, false, true]);
    expect([
      hostWithin('a.b', '*.b'),
      hostWithin('*.a.b', '*.b'),
      hostWithin('*.b', '*.a.b'),
      hostWithin('*.b', 'a.b'),
    ]).toEqual([true, true, false, false]);
  });
  test('nearest names', () =>
    expect([
      nearestName('wieght', ['weight', 'route']),
      nearestName('xyz', ['weight']),
      nearestName('Hosts', ['hosts']),
    ]).toEqual(['weight', undefined, 'hosts']));
});
