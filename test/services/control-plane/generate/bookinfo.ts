// Bookinfo with a canary, as ingest would hand it over.
import { defaultMeshSettings, type Resources } from '../../../../services/control-plane/model/resources.ts';

const service = (name: string, clusterIP: string, portName = 'http') => ({
  metadata: { name, namespace: 'default', creationTimestamp: '2024-01-01T00:00:00Z' },
  spec: { clusterIP, selector: { app: name }, ports: [{ name: portName, port: 9080, targetPort: 9080 }] },
});
const pod = (app: string, version: string, ip: string) => ({
  metadata: {
    name: `${app}-${version}-abc-1`,
    namespace: 'default',
    labels: { app, version, 'pod-template-hash': 'abc', 'security.istio.io/tlsMode': 'istio' },
  },
  spec: { serviceAccountName: `bookinfo-${app}` },
  status: { podIP: ip },
});
const slice = (app: string, pods: readonly { metadata: { name: string }; status: { podIP: string } }[]) => ({
  metadata: { name: `${app}-1`, namespace: 'default', labels: { 'kubernetes.io/service-name': app } },
  addressType: 'IPv4',
  endpoints: pods.map((it) => ({
    addresses: [it.status.podIP],
    conditions: { ready: true },
    targetRef: { kind: 'Pod', name: it.metadata.name, namespace: 'default' },
  })),
  ports: [{ name: 'http', port: 9080, protocol: 'TCP' }],
});

const reviews = [
  pod('reviews', 'v1', '10.244.0.11'),
  pod('reviews', 'v2', '10.244.0.12'),
  pod('reviews', 'v3', '10.244.0.13'),
];
const productpage = pod('productpage', 'v1', '10.244.0.20');
const gatewayPod = {
  metadata: { name: 'istio-ingressgateway-abc-1', namespace: 'istio-system', labels: { istio: 'ingressgateway' } },
  spec: { serviceAccountName: 'istio-ingressgateway' },
  status: { podIP: '10.244.0.30' },
};

export const bookinfo = (): Resources => ({
  mesh: defaultMeshSettings,
  services: [
    service('reviews', '10.96.1.1'),
    service('productpage', '10.96.1.2'),
    {
      metadata: { name: 'istio-ingressgateway', namespace: 'istio-system' },
      spec: {
        clusterIP: '10.96.1.3',
        selector: { istio: 'ingressgateway' },
        ports: [{ name: 'http2', port: 80, targetPort: 8080 }],
      },
    },
  ],
  endpointSlices: [slice('reviews', reviews), slice('productpage', [productpage])],
  pods: [...reviews, productpage, gatewayPod],
  virtualServices: [
    {
      metadata: { name: 'reviews', namespace: 'default' },
      spec: {
        hosts: ['reviews'],
        http: [
          {
            name: 'testers',
            match: [{ headers: { 'end-user': { exact: 'jason' } } }],
            route: [{ destination: { host: 'reviews', subset: 'v2' } }],
          },
          {
            name: 'rollout',
            route: [
              { destination: { host: 'reviews', subset: 'v1' }, weight: 90 },
              { destination: { host: 'reviews', subset: 'v3' }, weight: 10 },
            ],
          },
        ],
      },
    },
    {
      metadata: { name: 'bookinfo', namespace: 'default' },
      spec: {
        hosts: ['*'],
        gateways: ['bookinfo-gateway'],
        http: [
          {
            match: [{ uri: { exact: '/productpage' } }],
            route: [{ destination: { host: 'productpage', port: { number: 9080 } } }],
          },
        ],
      },
    },
  ],
  destinationRules: [
    {
      metadata: { name: 'reviews', namespace: 'default' },
      spec: { host: 'reviews', subsets: ['v1', 'v2', 'v3'].map((name) => ({ name, labels: { version: name } })) },
    },
  ],
  gateways: [
    {
      metadata: { name: 'bookinfo-gateway', namespace: 'default' },
      spec: {
        selector: { istio: 'ingressgateway' },
        servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }],
      },
    },
  ],
  peerAuthentications: [],
  credentials: [],
});

export const sidecar = {
  kind: 'sidecar',
  ip: '10.244.0.20',
  name: 'productpage-v1-abc-1',
  namespace: 'default',
  labels: { app: 'productpage' },
  serviceAccount: 'bookinfo-productpage',
  flavour: 'istio',
} as const;
export const router = {
  kind: 'router',
  ip: '10.244.0.30',
  name: 'istio-ingressgateway-abc-1',
  namespace: 'istio-system',
  labels: { istio: 'ingressgateway' },
  serviceAccount: 'istio-ingressgateway',
  flavour: 'istio',
} as const;
