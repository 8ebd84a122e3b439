// The embedded cluster's API server in this process, on a free port of loopback, as its administrator.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeClient } from '#lib/kube/client.ts';
import { readKubeconfig } from '#lib/kube/kubeconfig.ts';
import { createApiServer } from '../../clusters/local/api/server.ts';
import { pkiPaths } from '../../clusters/local/pki.ts';

export interface EmbeddedKubernetes {
  readonly client: KubeClient;
  readonly url: string;
  close(): Promise<void>;
}

/** No controllers, no nodes: just the API. Everything lives in a temporary directory that `close` removes. */
export async function startEmbeddedKubernetes(): Promise<EmbeddedKubernetes> {
  const dir = mkdtempSync(join(tmpdir(), 'embedded-kubernetes-'));
  const pkiDir = join(dir, 'pki');
  const stop = new AbortController();
  const running = await createApiServer({ dataDir: join(dir, 'data'), pkiDir, port: 0 }).start(stop.signal);
  const client = new KubeClient({ ...readKubeconfig(pkiPaths(pkiDir).adminKubeconfig), server: running.url });
  return {
    client,
    url: running.url,
    close: async () => {
      client.close();
      stop.abort();
      await running.closed;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
