// Which objects belong to a controller's owner: releases what the selector no longer matches, adopts matching orphans.
import { isNotFound } from '#lib/kube/errors.ts';
import { controllerOf, controllerReference, type KubeObject, type ResourceRef } from '#lib/kube/object.ts';
import type { ControllerContext } from './controller.ts';
import type { LabelSelector } from './objects.ts';
import { matchesSelector } from './selector.ts';

export interface Claim<T extends KubeObject> {
  readonly owner: KubeObject;
  readonly ownerRef: ResourceRef;
  readonly ref: ResourceRef;
  readonly selector: LabelSelector | undefined;
  /** Candidates of the owner's namespace. */
  readonly all: readonly T[];
}

export async function claim<T extends KubeObject>(context: ControllerContext, request: Claim<T>): Promise<T[]> {
  const { owner, ownerRef, ref, selector, all } = request;
  const mine: T[] = [];
  let alive: boolean | undefined;
  for (const object of all) {
    const controller = controllerOf(object);
    const matches = matchesSelector(selector, object.metadata.labels);
    if (controller) {
      if (controller.uid !== owner.metadata.uid) continue;
      if (matches || owner.metadata.deletionTimestamp) mine.push(object);
      else await setOwners(context, ref, object, others(object, owner));
    } else if (matches && !object.metadata.deletionTimestamp && !owner.metadata.deletionTimestamp) {
      alive ??= await isAlive(context, ownerRef, owner);
      if (!alive) continue;
      const adopted = await setOwners(context, ref, object, [...others(object, owner), controllerReference(owner)]);
      if (adopted) mine.push(adopted);
    }
  }
  return mine;
}

const others = (object: KubeObject, owner: KubeObject) =>
  (object.metadata.ownerReferences ?? []).filter((each) => each.uid !== owner.metadata.uid);

/** The cache may lag behind a deletion: an owner that is gone must not adopt. */
async function isAlive(context: ControllerContext, ref: ResourceRef, owner: KubeObject): Promise<boolean> {
  const live = await context.client.tryGet(ref, owner.metadata, { signal: context.signal });
  return live?.metadata.uid === owner.metadata.uid && live?.metadata.deletionTimestamp === undefined;
}

async function setOwners<T extends KubeObject>(
  context: ControllerContext,
  ref: ResourceRef,
  object: T,
  ownerReferences: unknown[],
): Promise<T | undefined> {
  const { uid, resourceVersion } = object.metadata;
  const patch = { metadata: { uid, resourceVersion, ownerReferences } };
  try {
    return await context.client.patch<T>(ref, object.metadata, patch, { signal: context.signal });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
