import { expect, test } from '@jest/globals';
import { assignHostPorts, hostPortOf, type Service } from '../../../clusters/local/forward/load-balancers.ts';

const service = (
  namespace: string,
  name: string,
  created: string,
  ports: number[],
  type = 'LoadBalancer',
): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace, name, creationTimestamp: created },
  spec: { type, clusterIP: '10.96.0.7', ports: ports.map((port) => ({ port })) },
});

test('well-known ports move to their documented host ports, all by the offset', () => {
  expect([80, 443, 22, 15021, 31400].map((port) => hostPortOf(port, 0))).toEqual([8080, 8443, 8022, 15021, 31400]);
  expect(hostPortOf(80, 1000)).toBe(9080);
});

test('the gateway of the mesh has its ports though another service is older, which is told who holds them', () => {
  const ports = assignHostPorts(
    [
      service('default', 'web', '2020-01-01T00:00:00Z', [80]),
      service('istio-system', 'istio-ingressgateway', '2021-01-01T00:00:00Z', [80, 443]),
    ],
    0,
  );
  expect(ports.map((it) => [it.service, it.hostPort, it.problem])).toEqual([
    ['istio-ingressgateway', 8080, undefined],
    ['istio-ingressgateway', 8443, undefined],
    ['web', 8080, 'port 8080 of the host belongs to istio-system/istio-ingressgateway'],
  ]);
});

test('only LoadBalancer services with an address get ports', () => {
  expect(assignHostPorts([service('default', 'web', '2020-01-01T00:00:00Z', [80], 'ClusterIP')], 0)).toEqual([]);
});
