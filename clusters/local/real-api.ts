// A real kube-apiserver and etcd in place of the embedded API server, where KUBEBUILDER_ASSETS names their directory.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Pki } from './pki.ts';

export interface RealApiOptions {
  /** Directory with `etcd` and `kube-apiserver`. @see https://book.kubebuilder.io/reference/envtest */
  readonly assets: string;
  readonly pki: Pki;
  readonly data: string;
  readonly port: number;
  readonly serviceCidr: string;
  readonly advertiseAddress: string;
}

/** The two command lines, each with its name; throws where a program is missing. */
export function realApiPrograms(options: RealApiOptions): { name: string; command: string[] }[] {
  for (const program of ['etcd', 'kube-apiserver']) {
    if (!existsSync(join(options.assets, program)))
      throw new Error(`KUBEBUILDER_ASSETS names ${options.assets}, which has no ${program}`);
  }
  const { pki } = options;
  const etcd = 'http://127.0.0.1:2379';
  return [
    {
      name: 'etcd',
      command: [
        join(options.assets, 'etcd'),
        `--data-dir=${join(options.data, 'etcd')}`,
        `--listen-client-urls=${etcd}`,
        `--advertise-client-urls=${etcd}`,
        '--listen-peer-urls=http://127.0.0.1:2380',
        '--log-level=error',
      ],
    },
    {
      name: 'api',
      command: [
        join(options.assets, 'kube-apiserver'),
        `--etcd-servers=${etcd}`,
        `--secure-port=${options.port}`,
        `--bind-address=0.0.0.0`,
        `--advertise-address=${options.advertiseAddress}`,
        '--endpoint-reconciler-type=none',
        `--service-cluster-ip-range=${options.serviceCidr}`,
        `--tls-cert-file=${pki.servingCert}`,
        `--tls-private-key-file=${pki.servingKey}`,
        `--client-ca-file=${pki.caCert}`,
        `--service-account-key-file=${pki.serviceAccountPublicKey}`,
        `--service-account-signing-key-file=${pki.serviceAccountKey}`,
        '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
        `--kubelet-client-certificate=${pki.nodeClientCert}`,
        `--kubelet-client-key=${pki.nodeClientKey}`,
        `--kubelet-certificate-authority=${pki.caCert}`,
        '--kubelet-preferred-address-types=InternalIP',
        '--authorization-mode=Node,RBAC',
        '--allow-privileged=true',
        '--enable-priority-and-fairness=false',
      ],
    },
  ];
}
