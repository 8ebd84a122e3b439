// What must hold while the API server is killed and started again under writes: run against any API server.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { CoreV1Api, KubeConfig, makeInformer, type V1ConfigMap } from '@kubernetes/client-node';
import type { KubeClient } from '#lib/kube/client.ts';
import { isAlreadyExists, isNotFound, isTransient } from '#lib/kube/errors.ts';
import { Informer } from '#lib/kube/informer.ts';
import { LeaderElection } from '#lib/kube/lease.ts';
import type { KubeObject } from '#lib/kube/object.ts';
import { configMaps } from '#lib/kube/refs.ts';

export interface RestartableServer {
  readonly client: KubeClient;
  readonly kubeconfig: string;
  restart(): Promise<void>;
  close(): Promise<void>;
}

const LIMIT_MS = 60_000;
const ROUNDS = 3;
const namespace = 'default';

/** Looks every 50 ms; fails after a minute with what was wanted. */
async function until(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + LIMIT_MS;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`not within ${LIMIT_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export function restartSuite(name: string, open: () => Promise<RestartableServer>): void {
  describe(name, () => {
    let server: RestartableServer;
    const stop = new AbortController();
    beforeAll(async () => {
      server = await open();
    }, 120_000);
    afterAll(async () => {
      stop.abort();
      await server.close();
    }, 60_000);

    /** Writes until it is told to stop; returns the last acknowledged version of each object. */
    async function write(signal: AbortSignal): Promise<Map<string, string>> {
      const acknowledged = new Map<string, string>();
      for (let count = 0; !signal.aborted; count++) {
        const key = { namespace, name: `map-${count % 20}` };
        const map: KubeObject = {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: key,
          data: { count: String(count) },
        } as KubeObject;
        try {
          const done = await server.client.patch(configMaps, key, map).catch((error: unknown) => {
            if (isNotFound(error)) return server.client.create(configMaps, map);
            throw error;
          });
          acknowledged.set(key.name, done.metadata.resourceVersion!);
        } catch (error) {
          if (!isTransient(error) && !isAlreadyExists(error)) throw error;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
      return acknowledged;
    }

    test("informers, ours and client-node's, end with what was written, and ours tells each change once and in order", async () => {
      const seen = new Map<string, number[]>();
      const informer = new Informer({ client: server.client, ref: configMaps, namespace });
      const note = ({ metadata }: KubeObject): void => {
        const versions = seen.get(metadata.name) ?? [];
        seen.set(metadata.name, [...versions, Number(metadata.resourceVersion)]);
      };
      informer.subscribe({ add: note, update: note });
      informer.start(stop.signal);
      const config = new KubeConfig();
      config.loadFromFile(server.kubeconfig);
      const api = config.makeApiClient(CoreV1Api);
      const theirs = makeInformer<V1ConfigMap>(config, `/api/v1/namespaces/${namespace}/configmaps`, () =>
        api.listNamespacedConfigMap({ namespace }),
      );
      // It leaves starting again to its user.
      let again: NodeJS.Timeout | undefined;
      let ended = false;
      const startTheirs = (): void => {
        if (!ended) void theirs.start().catch(() => startLater());
      };
      const startLater = (): void => {
        clearTimeout(again);
        if (!ended) again = setTimeout(startTheirs, 200);
      };
      theirs.on('error', startLater);
      await theirs.start();
      try {
        for (let round = 0; round < ROUNDS; round++) {
          const writing = new AbortController();
          const written = write(writing.signal);
          await until('some writes', () => seen.size > 0);
          await server.restart();
          const before = informer.resourceVersion;
          await until('news after the restart', () => informer.resourceVersion !== before);
          writing.abort();
          const acknowledged = await written;
          await until('our informer has all of it', () =>
            [...acknowledged].every(
              ([map, version]) =>
                Number(informer.get(`${namespace}/${map}`)?.metadata.resourceVersion) >= Number(version),
            ),
          );
          await until("client-node's informer has all of it", () =>
            [...acknowledged.keys()].every(
              (map) =>
                theirs.get(map, namespace)?.metadata?.resourceVersion ===
                informer.get(`${namespace}/${map}`)?.metadata.resourceVersion,
            ),
          );
        }
        for (const versions of seen.values()) expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
      } finally {
        ended = true;
        clearTimeout(again);
        await theirs.stop();
      }
    }, 240_000);

    test('of three candidates one leads at any time, and somebody leads again after each restart', async () => {
      const ending = new AbortController();
      const leading = new Set<string>();
      const log: string[] = [];
      let most = 0;
      const runs = ['a', 'b', 'c'].map((identity) =>
        new LeaderElection({
          client: server.client,
          lease: { namespace, name: 'leader' },
          identity,
          leaseDurationMs: 3_000,
          renewDeadlineMs: 2_000,
          retryPeriodMs: 200,
          onStartedLeading: () => {
            leading.add(identity);
            most = Math.max(most, leading.size);
            log.push(identity);
          },
          onStoppedLeading: () => leading.delete(identity),
        }).run(ending.signal),
      );
      await until('a leader', () => leading.size === 1);
      for (let round = 0; round < ROUNDS; round++) {
        await server.restart();
        await until('a leader after a restart', () => leading.size === 1);
      }
      ending.abort();
      await Promise.all(runs);
      expect(most).toBe(1);
      expect(log.length).toBeGreaterThan(0);
    }, 240_000);
  });
}
