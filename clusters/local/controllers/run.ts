// All controllers of the cluster in one process, on one set of caches.
import type { KubeClient } from '#lib/kube/client.ts';
import { type Controller, type ControllerContext, startController } from './controller.ts';
import { cronJobController } from './cron-job.ts';
import { daemonSetController } from './daemon-set.ts';
import { deploymentController } from './deployment.ts';
import { disruptionController } from './disruption.ts';
import { endpointMirrorController } from './endpoint-mirror.ts';
import { endpointSliceController } from './endpoint-slice.ts';
import { EventRecorder } from './event-recorder.ts';
import { garbageCollector } from './garbage-collector.ts';
import { jobController } from './job.ts';
import { namespaceController } from './namespace.ts';
import { rootCaController, serviceAccountController } from './namespace-defaults.ts';
import { nodeLifecycleController } from './node-lifecycle.ts';
import { podGarbageController } from './pod-garbage.ts';
import { replicaSetController } from './replica-set.ts';
import { schedulerController } from './scheduler.ts';
import { SharedInformers } from './shared-informers.ts';
import { statefulSetController } from './stateful-set.ts';

/** In the order in which a new namespace with a Deployment meets them. */
const CONTROLLERS: Readonly<Record<string, (context: ControllerContext, options: RunOptions) => Controller>> = {
  serviceaccount: serviceAccountController,
  'root-ca-cert-publisher': (context) => rootCaController(context, context.client.connection.ca ?? ''),
  deployment: deploymentController,
  replicaset: replicaSetController,
  scheduler: schedulerController,
  endpointslice: endpointSliceController,
  'endpointslice-mirroring': endpointMirrorController,
  job: jobController,
  'node-lifecycle': (context, { nodeGraceMs }) =>
    nodeLifecycleController(context, { graceMs: nodeGraceMs, periodMs: nodeGraceMs && nodeGraceMs / 4 }),
  daemonset: daemonSetController,
  statefulset: statefulSetController,
  cronjob: cronJobController,
  disruption: disruptionController,
  'pod-garbage': (context) => podGarbageController(context),
  'garbage-collector': garbageCollector,
  namespace: namespaceController,
};

export interface RunOptions {
  readonly client: KubeClient;
  readonly signal: AbortSignal;
  /** Names of those to run. @default all */
  readonly only?: readonly string[] | undefined;
  /** Silence after which a node counts as unreachable, in milliseconds. @default 40,000 */
  readonly nodeGraceMs?: number | undefined;
  /** @default stderr */
  readonly log?: ((message: string) => void) | undefined;
  /** Wall-clock milliseconds. @default Date.now */
  readonly now?: (() => number) | undefined;
}

/** Resolves when every controller's caches are complete and it works. Ends with the signal. */
export async function runControllers(options: RunOptions): Promise<void> {
  const { client, signal, log = (message) => console.error(message), now = Date.now } = options;
  const informers = new SharedInformers(client, signal, quietly(log));
  const context: ControllerContext = {
    client,
    informers,
    events: new EventRecorder(client, signal, now),
    signal,
    log,
    now,
  };
  const names = options.only ?? Object.keys(CONTROLLERS);
  await Promise.all(
    names.map((name) => {
      const make = CONTROLLERS[name];
      if (!make) throw new Error(`no controller ${name}; there are ${Object.keys(CONTROLLERS).join(', ')}`);
      return startController(make(context, options), context);
    }),
  );
}

/** Thirty informers lose one server together: one line a second is enough. */
function quietly(log: (message: string) => void): (ref: { plural: string }, error: unknown) => void {
  let last = Number.NEGATIVE_INFINITY;
  return ({ plural }, error) => {
    if (performance.now() - last < 1_000) return;
    last = performance.now();
    log(`watching ${plural}: ${(error as Error).message}; trying again`);
  };
}
