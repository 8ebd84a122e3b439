// Services with a selector -> EndpointSlices and the older Endpoints, from the pods that the selector matches.
import { isAlreadyExists, isNotFound } from '#lib/kube/errors.ts';
import { keyOf } from '#lib/kube/object.ts';
import { endpointSlices, endpoints, nodes, pods, services } from '#lib/kube/refs.ts';
import { type Controller, type ControllerContext, enqueueSelf } from './controller.ts';
import { LABEL, type SliceInput, toEndpoints, toSlices } from './endpoints.ts';
import type { Endpoints, EndpointSlice, Node, Pod, Service } from './objects.ts';
import { matchesLabels } from './selector.ts';
import { canonicalJson } from './template-hash.ts';

export function endpointSliceController(context: ControllerContext): Controller {
  const { informers } = context;
  const serviceCache = informers.of<Service>(services);
  const podCache = informers.of<Pod>(pods);
  const nodeCache = informers.of<Node>(nodes);
  const sliceCache = informers.of<EndpointSlice>(endpointSlices);
  const endpointsCache = informers.of<Endpoints>(endpoints);
  const slicesOf = (service: Service): EndpointSlice[] =>
    sliceCache
      .list(service.metadata.namespace)
      .filter(
        ({ metadata: { labels } }) =>
          labels?.[LABEL.service] === service.metadata.name && labels[LABEL.managedBy] === LABEL.us,
      );

  return {
    name: 'endpointslice',
    watches: [services, pods, nodes, endpointSlices, endpoints],
    wire: (enqueue) => {
      enqueueSelf(serviceCache, enqueue);
      const ofPod = (pod: Pod): void => {
        for (const service of serviceCache.list(pod.metadata.namespace)) {
          if (matchesLabels(service.spec.selector, pod.metadata.labels)) enqueue(keyOf(service.metadata));
        }
      };
      podCache.subscribe({
        add: ofPod,
        update: (pod, old) => {
          if (canonicalJson(pod.metadata.labels) !== canonicalJson(old.metadata.labels)) ofPod(old);
          ofPod(pod);
        },
        delete: ofPod,
      });
      // Somebody who edits or removes what we wrote finds it restored.
      const ofSlice = ({ metadata: { namespace, labels } }: EndpointSlice): void => {
        const name = labels?.[LABEL.service];
        if (name && labels?.[LABEL.managedBy] === LABEL.us) enqueue(keyOf({ namespace, name }));
      };
      sliceCache.subscribe({ update: ofSlice, delete: ofSlice });
    },
    reconcile: async (key) => {
      const service = serviceCache.get(key);
      if (service === undefined) {
        // Slices go with their owner reference; Endpoints have none.
        const stale = endpointsCache.get(key);
        if (stale?.metadata.labels?.[LABEL.endpointsManagedBy]) await removeEndpoints(context, stale);
        return undefined;
      }
      if (
        !service.spec.selector ||
        Object.keys(service.spec.selector).length === 0 ||
        service.metadata.deletionTimestamp
      ) {
        return undefined;
      }
      if (service.spec.type === 'ExternalName') return undefined;
      const selected = podCache
        .list(service.metadata.namespace)
        .filter((pod) => matchesLabels(service.spec.selector, pod.metadata.labels));
      const input: SliceInput = { service, pods: selected, nodeOf: (name) => nodeCache.get(name) };
      await writeSlices(context, toSlices(input), slicesOf(service));
      await writeEndpoints(context, toEndpoints(input), endpointsCache.get(key));
      return undefined;
    },
  };
}

async function writeSlices(context: ControllerContext, wanted: EndpointSlice[], known: EndpointSlice[]): Promise<void> {
  const { client, signal } = context;
  const left = new Map(known.map((slice) => [slice.metadata.name, slice]));
  for (const slice of wanted) {
    const before = left.get(slice.metadata.name);
    left.delete(slice.metadata.name);
    if (before === undefined) {
      await client.create(endpointSlices, slice, { signal });
    } else if (contentOf(before) !== contentOf(slice)) {
      const metadata = {
        ...before.metadata,
        labels: slice.metadata.labels,
        ownerReferences: slice.metadata.ownerReferences,
      };
      await client.replace(endpointSlices, { ...before, ...slice, metadata }, { signal });
    }
  }
  for (const { metadata } of left.values()) {
    await client.delete(endpointSlices, metadata, { uid: metadata.uid, signal }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  }
}

const contentOf = (slice: EndpointSlice): string =>
  canonicalJson([
    slice.endpoints ?? [],
    slice.ports ?? [],
    slice.metadata.labels,
    slice.metadata.ownerReferences?.map(({ uid }) => uid),
  ]);

async function writeEndpoints(
  context: ControllerContext,
  wanted: Endpoints,
  known: Endpoints | undefined,
): Promise<void> {
  const { client, signal } = context;
  if (known === undefined) {
    await client.create(endpoints, wanted, { signal }).catch((error: unknown) => {
      if (!isAlreadyExists(error)) throw error;
    });
    return;
  }
  const same =
    canonicalJson([known.subsets ?? [], known.metadata.labels]) ===
    canonicalJson([wanted.subsets ?? [], wanted.metadata.labels]);
  if (same) return;
  const metadata = { ...known.metadata, labels: wanted.metadata.labels };
  await client.replace<Endpoints>(endpoints, { ...known, metadata, subsets: wanted.subsets }, { signal });
}

async function removeEndpoints(context: ControllerContext, stale: Endpoints): Promise<void> {
  const { uid } = stale.metadata;
  await context.client.delete(endpoints, stale.metadata, { uid, signal: context.signal }).catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
  });
}
