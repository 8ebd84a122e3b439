// Writes the mesh's roots into the webhook configurations that call this control plane, so that the API server trusts it.
import {
  Informer,
  isConflict,
  isNotFound,
  type KubeClient,
  type KubeObject,
  type ResourceRef,
  refs,
} from '#lib/kube/index.ts';

interface WebhookConfiguration extends KubeObject {
  webhooks?: readonly {
    readonly name: string;
    readonly clientConfig: {
      readonly caBundle?: string | undefined;
      readonly service?: { readonly name: string; readonly namespace: string } | undefined;
    };
  }[];
}

export interface WebhookCaBundleOptions {
  readonly client: KubeClient;
  /** The roots now; PEM. */
  readonly rootCertPem: () => string;
  /** Tells of changed roots; returns the way to stop listening. */
  readonly onRootsChange: (listener: () => void) => () => void;
  /** Name and namespace of our Service. */
  readonly service: { readonly name: string; readonly namespace: string };
  readonly log: (line: string) => void;
}

/** Keeps the bundles right until the signal aborts, also against edits by others. */
export function keepWebhookCaBundles(options: WebhookCaBundleOptions, signal: AbortSignal): void {
  const onError = (error: unknown): void => options.log(`webhook CA bundle: ${(error as Error).message}`);
  const { client } = options;
  for (const ref of [refs.mutatingWebhookConfigurations, refs.validatingWebhookConfigurations]) {
    const informer = new Informer<WebhookConfiguration>({ client, ref, onError });
    const patch = (object: WebhookConfiguration): void => {
      if (!signal.aborted) void patchOne(options, ref, object).catch(onError);
    };
    informer.subscribe({ add: patch, update: patch });
    signal.addEventListener(
      'abort',
      options.onRootsChange(() => informer.list().forEach(patch)),
      { once: true },
    );
    informer.start(signal);
  }
}

async function patchOne(
  options: WebhookCaBundleOptions,
  ref: ResourceRef,
  object: WebhookConfiguration,
): Promise<void> {
  const caBundle = Buffer.from(options.rootCertPem(), 'utf8').toString('base64');
  const { name, namespace } = options.service;
  const operations = (object.webhooks ?? []).flatMap((webhook, index) => {
    const { service } = webhook.clientConfig;
    if (service?.name !== name || service.namespace !== namespace || webhook.clientConfig.caBundle === caBundle)
      return [];
    return [
      // Positions move when others edit: the test makes the patch fail then, and the watch brings the next try.
      { op: 'test', path: `/webhooks/${index}/name`, value: webhook.name },
      { op: 'add', path: `/webhooks/${index}/clientConfig/caBundle`, value: caBundle },
    ];
  });
  if (operations.length === 0) return;
  try {
    await options.client.patch(ref, { name: object.metadata.name }, operations as never, { type: 'json' });
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}
