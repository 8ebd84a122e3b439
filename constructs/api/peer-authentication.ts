// PeerAuthentication: whether workloads accept plaintext, mutual TLS or both.
import { defineKind } from './kind.ts';
import { joinPath } from './problem.ts';
import { map, object, oneOf, type TypeOf } from './schema.ts';
import { checkSelector, workloadSelector } from './selector.ts';

const mtls = object('Mutual TLS of incoming connections.', {
  mode: oneOf('What is accepted.', ['UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT']),
});

const spec = object(
  'Mutual TLS of workloads, a namespace or the mesh.',
  {
    mtls,
    portLevelMtls: map('Mutual TLS of single ports of the workload.', mtls, {
      minProperties: 1,
      'x-kubernetes-validations': [
        { message: 'port must be between 1-65535', rule: 'self.all(key, 0 < int(key) && int(key) <= 65535)' },
      ],
    }),
    selector: workloadSelector,
  },
  {
    rules: [
      {
        message: 'portLevelMtls requires selector',
        rule: 'has(self.portLevelMtls) ? (((has(self.selector) && has(self.selector.matchLabels)) ? self.selector.matchLabels : {}).size() > 0) : true',
      },
    ],
  },
);

export type PeerAuthenticationSpec = TypeOf<typeof spec>;
export type MutualTlsMode = NonNullable<NonNullable<PeerAuthenticationSpec['mtls']>['mode']>;

/** @see https://istio.io/latest/docs/reference/config/security/peer_authentication/ */
export const peerAuthentication = defineKind<PeerAuthenticationSpec>({
  group: 'security.istio.io',
  versions: ['v1', 'v1beta1'],
  kind: 'PeerAuthentication',
  plural: 'peerauthentications',
  shortNames: ['pa'],
  columns: [{ name: 'Mode', type: 'string', jsonPath: '.spec.mtls.mode', description: 'Mode of mutual TLS' }],
  spec,
  rules: (value, path, findings) => {
    checkSelector(value.selector, `${path}.selector`, findings);
    const ports = Object.keys(value.portLevelMtls ?? {});
    if (ports.length > 0 && Object.keys(value.selector?.matchLabels ?? {}).length === 0) {
      findings.error(
        `${path}.portLevelMtls`,
        'selector-required',
        'needs a selector: a policy of a namespace or the mesh has no ports',
        'add spec.selector.matchLabels',
      );
    }
    for (const port of ports) {
      if (!/^[0-9]{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65535) {
        findings.error(
          joinPath(`${path}.portLevelMtls`, port),
          'bad-port',
          `port must be a number in 1..65535, got "${port}"`,
        );
      }
    }
  },
});
