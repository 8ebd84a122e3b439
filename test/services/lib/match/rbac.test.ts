// Envoy's access control: permissions, principals, actions, addresses.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { inRange, parseAddress, parseRange } from '#lib/match/addresses.ts';
import { compileRbac, type PermissionConfig, type PrincipalConfig, type RbacInput } from '#lib/match/rbac.ts';

const SPIFFE = 'spiffe://cluster.local/ns/default/sa/web';
const input = (more: Partial<RbacInput> = {}): RbacInput => ({
  http: {
    authority: 'a.b',
    path: '/api/x?q=1',
    method: 'GET',
    header: (name) => (name === 'x-token' ? 't' : undefined),
  },
  peer: { uriSans: [SPIFFE], dnsSans: ['web.example.com'], subject: 'CN=web' },
  directRemoteIp: '10.1.2.3',
  remoteIp: '192.0.2.7',
  localIp: '::ffff:10.0.0.1',
  localPort: 8080,
  serverName: 'a.b',
  ...more,
});
const any = { any: true };
const allows = (permission: PermissionConfig, principal: PrincipalConfig, of: RbacInput = input()) =>
  compileRbac({ policies: { p: { permissions: [permission], principals: [principal] } } }).decide(of).allowed;

describe('permissions', () => {
  test.each<[PermissionConfig, boolean]>([
    [any, true],
    [{ any: false }, false],
    [{ header: { name: ':method', stringMatch: { exact: 'GET' } } }, true],
    [{ header: { name: 'x-token', presentMatch: true } }, true],
    [{ urlPath: { path: { exact: '/api/x' } } }, true],
    [{ urlPath: { path: { exact: '/api/x?q=1' } } }, false],
    [{ destinationPort: 8080 }, true],
    [{ destinationPortRange: { start: 80, end: 8080 } }, false],
    [{ destinationIp: { addressPrefix: '10.0.0.0', prefixLen: { value: 8 } } }, true],
    [{ requestedServerName: { suffix: '.b' } }, true],
    [{ notRule: { destinationPort: 1 } }, true],
    [{ andRules: { rules: [any, { destinationPort: 1 }] } }, false],
    [{ orRules: { rules: [{ destinationPort: 1 }, any] } }, true],
    [{ metadata: { filter: 'f', path: [{ key: 'k' }], value: { stringMatch: { exact: 'v' } } } }, false],
  ])('%j: %s', (permission, expected) => expect(allows(permission, any)).toBe(expected));
});

describe('principals', () => {
  test.each<[PrincipalConfig, boolean]>([
    [{ authenticated: {} }, true],
    [{ authenticated: { principalName: { exact: SPIFFE } } }, true],
    [{ authenticated: { principalName: { safeRegex: { regex: '.*/ns/default/.*' } } } }, true],
    [{ authenticated: { principalName: { exact: 'web.example.com' } } }, false],
    [{ directRemoteIp: { addressPrefix: '10.1.0.0', prefixLen: 16 } }, true],
    [{ remoteIp: { addressPrefix: '192.0.2.7', prefixLen: { value: 32 } } }, true],
    [{ sourceIp: { addressPrefix: '10.0.0.0', prefixLen: { value: 8 } } }, false],
    [{ notId: { authenticated: {} } }, false],
    [{ andIds: { ids: [any, { authenticated: {} }] } }, true],
    [{ orIds: { ids: [{ any: false }, { any: false }] } }, false],
    [{ header: { name: 'x-token', stringMatch: { exact: 't' } } }, true],
  ])('%j: %s', (principal, expected) => expect(allows(any, principal)).toBe(expected));
  test('without a certificate nobody is authenticated; without names of one kind the next counts', () => {
    expect(allows(any, { authenticated: {} }, input({ peer: undefined }))).toBe(false);
    const dns = input({ peer: { uriSans: [], dnsSans: ['d'], subject: 's' } });
    expect(allows(any, { authenticated: { principalName: { exact: 'd' } } }, dns)).toBe(true);
    expect(
      allows(
        any,
        { authenticated: { principalName: { exact: 's' } } },
        input({ peer: { uriSans: [], dnsSans: [], subject: 's' } }),
      ),
    ).toBe(true);
  });
  test('a connection has no headers and no path', () => {
    const connection = input({ http: undefined });
    expect(allows({ header: { name: ':method', presentMatch: true } }, any, connection)).toBe(false);
    expect(allows({ urlPath: { path: { prefix: '' } } }, any, connection)).toBe(false);
  });
  test('metadata, where there is any', () => {
    const of = input({
      metadata: (filter, path) => (filter === 'jwt' && path.join('.') === 'payload.aud' ? ['a', 'b'] : undefined),
    });
    const matcher = (value: object) => ({
      metadata: { filter: 'jwt', path: [{ key: 'payload' }, { key: 'aud' }], value },
    });
    expect(allows(any, matcher({ listMatch: { oneOf: { stringMatch: { exact: 'b' } } } }), of)).toBe(true);
    expect(allows(any, matcher({ presentMatch: true }), of)).toBe(true);
    expect(allows(any, matcher({ stringMatch: { exact: 'b' } }), of)).toBe(false);
  });
});

describe('actions', () => {
  const policies = {
    b: { permissions: [any], principals: [any] },
    a: { permissions: [{ destinationPort: 8080 }], principals: [any] },
  };
  test('ALLOW needs a match, DENY refuses one, LOG lets all pass; the first policy by name is told', () => {
    expect(compileRbac({ action: 'ALLOW', policies }).decide(input())).toEqual({ allowed: true, policy: 'a' });
    expect(compileRbac({ action: 'DENY', policies }).decide(input({ localPort: 1 }))).toEqual({
      allowed: false,
      policy: 'b',
    });
    expect(compileRbac({ action: 'LOG', policies }).decide(input()).allowed).toBe(true);
    expect(compileRbac({ action: 'ALLOW', policies: {} }).decide(input())).toEqual({
      allowed: false,
      policy: undefined,
    });
    expect(compileRbac({ action: 1, policies: {} }).decide(input()).allowed).toBe(true);
  });
  test('what is not supported is refused when it is compiled', () => {
    expect(() =>
      compileRbac({ policies: { p: { permissions: [{ matcher: {} } as PermissionConfig], principals: [any] } } }),
    ).toThrow('permission matcher is not supported');
    expect(() => compileRbac({ policies: { p: { permissions: [any], principals: [{}] } } })).toThrow(
      'principal (empty) is not supported',
    );
    expect(() => compileRbac({ policies: { p: { permissions: [any], principals: [any], condition: {} } } })).toThrow(
      'CEL',
    );
    expect(() =>
      compileRbac({
        policies: { p: { permissions: [{ urlPath: { path: { safeRegex: { regex: '(' } } } }], principals: [any] } },
      }),
    ).toThrow('not an RE2 expression');
    expect(() =>
      compileRbac({ policies: { p: { permissions: [{ destinationIp: { addressPrefix: 'x' } }], principals: [any] } } }),
    ).toThrow('not an address');
  });
});

describe('addresses', () => {
  test.each<[string, string, number, boolean]>([
    ['10.1.2.3', '10.1.0.0', 16, true],
    ['10.2.0.0', '10.1.0.0', 15, false],
    ['10.0.0.1', '0.0.0.0', 0, true],
    ['::1', '::', 0, true],
    ['::1', '0.0.0.0', 0, false],
    ['2001:db8::5', '2001:db8::', 32, true],
    ['2001:db9::5', '2001:db8::', 32, false],
    ['fe80::1%eth0', 'fe80::', 10, true],
    ['::ffff:10.0.0.1', '10.0.0.0', 8, true],
  ])('%s in %s/%d: %s', (address, addressPrefix, prefixLen, expected) =>
    expect(inRange(parseAddress(address)!, parseRange({ addressPrefix, prefixLen }))).toBe(expected),
  );
  test('no text makes the parser throw', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(':', '.', '0', '1', 'f', '%', 'x', '255'), maxLength: 24 }),
        (text) => void parseAddress(text),
      ),
      { seed: 1 },
    );
    expect(['1.2.3', '1.2.3.256', '1:2', ':::', '1::2::3', ''].map(parseAddress)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
