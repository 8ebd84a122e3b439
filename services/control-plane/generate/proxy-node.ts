// Who a configuration is for, as its xDS node says.

export interface ProxyNode {
  readonly kind: 'sidecar' | 'router';
  readonly ip: string;
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  /** `istio`: our proxy and Istio's own Envoy; `stock`: upstream Envoy, which refuses types it does not know. */
  readonly flavour: 'istio' | 'stock';
}

/** What a node's metadata may hold. */
export interface NodeLike {
  readonly id?: string | undefined;
  readonly metadata?:
    | {
        readonly fields?:
          | Readonly<
              Record<
                string,
                {
                  readonly stringValue?: string | undefined;
                  readonly structValue?:
                    | {
                        readonly fields?:
                          | Readonly<Record<string, { readonly stringValue?: string | undefined }>>
                          | undefined;
                      }
                    | undefined;
                }
              >
            >
          | undefined;
      }
    | undefined;
  readonly extensions?: readonly { readonly name?: string | undefined }[] | undefined;
}

/** The proxy that a node describes; undefined where its id is not of Istio's form. */
export function toProxyNode(node: NodeLike): ProxyNode | undefined {
  const [kind, ip, qualified, ...rest] = (node.id ?? '').split('~');
  if ((kind !== 'sidecar' && kind !== 'router') || ip === undefined || qualified === undefined || rest.length !== 1)
    return undefined;
  const dot = qualified.lastIndexOf('.');
  const fields = node.metadata?.fields ?? {};
  const labels: Record<string, string> = {};
  for (const [key, value] of Object.entries(fields['LABELS']?.structValue?.fields ?? {}))
    if (value.stringValue !== undefined) labels[key] = value.stringValue;
  const extensions = node.extensions ?? [];
  const rigging = fields['RIGGING']?.stringValue !== undefined;
  return {
    kind,
    ip,
    name: dot < 0 ? qualified : qualified.slice(0, dot),
    namespace: fields['NAMESPACE']?.stringValue ?? (dot < 0 ? 'default' : qualified.slice(dot + 1)),
    labels,
    serviceAccount: fields['SERVICE_ACCOUNT']?.stringValue ?? 'default',
    flavour:
      rigging ||
      extensions.length === 0 ||
      extensions.some((it) => it.name?.startsWith('istio.') || it.name?.includes('istio.alpn'))
        ? 'istio'
        : 'stock',
  };
}
