// The connection of a program that runs in a pod: the service account's token and CA, the `kubernetes` Service.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileToken, type KubeConnection } from './credentials.ts';

export const SERVICE_ACCOUNT_DIR = '/var/run/secrets/kubernetes.io/serviceaccount';

/** @see https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/ */
export function inClusterConnection(env: NodeJS.ProcessEnv = process.env, dir = SERVICE_ACCOUNT_DIR): KubeConnection {
  const host = env['KUBERNETES_SERVICE_HOST'];
  const port = env['KUBERNETES_SERVICE_PORT'];
  if (!host || !port) {
    throw new Error('not in a pod: KUBERNETES_SERVICE_HOST and _PORT are not set; pass --kubeconfig instead');
  }
  const read = (file: string): string => {
    try {
      return readFileSync(join(dir, file), 'utf8').trim();
    } catch (cause) {
      throw new Error(`in-cluster credentials: cannot read ${join(dir, file)}; is automountServiceAccountToken off?`, {
        cause,
      });
    }
  };
  read('token');
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    ca: read('ca.crt'),
    namespace: read('namespace'),
    token: fileToken(join(dir, 'token')),
  };
}
