// The embedded API server in the test's own process, on loopback, in a temporary directory that `close` removes.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeClient } from '#lib/kube/client.ts';
import { createApiServer } from '../../clusters/local/api/server.ts';
import { ensurePki } from '../../clusters/local/pki.ts';
import type { RealKubernetes } from './real-kubernetes.ts';

const PLACEHOLDER = 'https://127.0.0.1:1';

export interface EmbeddedKubernetes extends RealKubernetes {
  readonly url: string;
}

/** No controllers, no nodes: just the API. */
export async function startEmbeddedKubernetes(): Promise<EmbeddedKubernetes> {
  const dir = mkdtempSync(join(tmpdir(), 'embedded-kubernetes-'));
  const pkiDir = join(dir, 'pki');
  const pki = await ensurePki(pkiDir, { server: PLACEHOLDER });
  const options = { dataDir: join(dir, 'data'), host: '127.0.0.1', pkiDir };
  let stop = new AbortController();
  let running = await createApiServer({ ...options, port: 0 }).start(stop.signal);
  const { port, url } = running;
  const kubeconfig = join(dir, 'kubeconfig');
  writeFileSync(kubeconfig, readFileSync(pki.adminKubeconfig, 'utf8').replaceAll(PLACEHOLDER, url), { mode: 0o600 });
  const client = KubeClient.fromKubeconfig(kubeconfig);
  return {
    client,
    url,
    kubeconfig,
    restart: async () => {
      stop.abort();
      await running.closed;
      stop = new AbortController();
      running = await createApiServer({ ...options, port }).start(stop.signal);
    },
    close: async () => {
      client.close();
      stop.abort();
      await running.closed;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
