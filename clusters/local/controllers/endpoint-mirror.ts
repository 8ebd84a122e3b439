// Services without a selector: Endpoints that somebody wrote by hand -> EndpointSlices, which is all that proxies read.
import { isNotFound } from '#lib/kube/errors.ts';
import { controllerReference } from '#lib/kube/object.ts';
import { endpointSlices, endpoints, services } from '#lib/kube/refs.ts';
import { type Controller, type ControllerContext, enqueueSelf } from './controller.ts';
import { LABEL } from './endpoints.ts';
import type { Endpoint, EndpointAddress, EndpointSlice, Endpoints, Service } from './objects.ts';
import { canonicalJson, templateHash } from './template-hash.ts';

const MIRROR = 'endpointslicemirroring-controller.k8s.io';
const SKIP = 'endpointslice.kubernetes.io/skip-mirror';

export function endpointMirrorController(context: ControllerContext): Controller {
  const { client, informers, signal } = context;
  const source = informers.of<Endpoints>(endpoints);
  const serviceCache = informers.of<Service>(services);
  const slices = informers.of<EndpointSlice>(endpointSlices);
  return {
    name: 'endpointslice-mirroring',
    watches: [endpoints, services, endpointSlices],
    wire: (enqueue) => {
      enqueueSelf(source, enqueue);
      enqueueSelf(serviceCache, enqueue);
    },
    reconcile: async (key) => {
      const service = serviceCache.get(key);
      const written = source.get(key);
      const known = slices
        .list(service?.metadata.namespace ?? written?.metadata.namespace)
        .filter(
          ({ metadata: { labels } }) =>
            labels?.[LABEL.service] === key.split('/').at(-1) && labels?.[LABEL.managedBy] === MIRROR,
        );
      const wanted = service && written && isMirrored(service, written) ? mirrorSlices(service, written) : [];
      const left = new Map(known.map((slice) => [slice.metadata.name, slice]));
      for (const slice of wanted) {
        const before = left.get(slice.metadata.name);
        left.delete(slice.metadata.name);
        const content = (each: EndpointSlice): string =>
          canonicalJson([each.endpoints, each.ports, each.metadata.labels]);
        if (before === undefined) await client.create(endpointSlices, slice, { signal });
        else if (content(before) !== content(slice)) {
          const metadata = { ...slice.metadata, resourceVersion: before.metadata.resourceVersion };
          await client.replace(endpointSlices, { ...slice, metadata }, { signal });
        }
      }
      for (const { metadata } of left.values()) {
        await client.delete(endpointSlices, metadata, { uid: metadata.uid, signal }).catch((error: unknown) => {
          if (!isNotFound(error)) throw error;
        });
      }
      return undefined;
    },
  };
}

function isMirrored(service: Service, written: Endpoints): boolean {
  const { labels } = written.metadata;
  const selects = Object.keys(service.spec.selector ?? {}).length > 0;
  return (
    !selects && labels?.[SKIP] !== 'true' && !labels?.[LABEL.endpointsManagedBy] && !service.metadata.deletionTimestamp
  );
}

/** One slice per subset, pure. */
export function mirrorSlices(service: Service, written: Endpoints): EndpointSlice[] {
  return (written.subsets ?? []).map((subset, index) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${service.metadata.name}-${templateHash({ mirror: index }).slice(-5)}`,
      namespace: service.metadata.namespace,
      labels: { ...written.metadata.labels, [LABEL.service]: service.metadata.name, [LABEL.managedBy]: MIRROR },
      ownerReferences: [controllerReference({ ...written, apiVersion: 'v1', kind: 'Endpoints' })],
    },
    addressType: 'IPv4',
    endpoints: [
      ...(subset.addresses ?? []).map((address) => toEndpoint(address, true)),
      ...(subset.notReadyAddresses ?? []).map((address) => toEndpoint(address, false)),
    ],
    ports: (subset.ports ?? []).map((port) => ({ ...port, name: port.name ?? '', protocol: port.protocol ?? 'TCP' })),
  }));
}

function toEndpoint({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname ? { hostname } : {}),
    ...(nodeName ? { nodeName } : {}),
    ...(targetRef ? { targetRef } : {}),
  };
}
