// Admission in order: namespace life cycle, service accounts, mutating webhooks; then validating webhooks.
import type { ApiObject } from '../object.ts';
import type { Admission, AdmissionAttributes } from '../rest/admission.ts';
import { ApiError, forbidden, notFound } from '../status.ts';
import type { Store } from '../storage/store.ts';
import { admitServiceAccount } from './service-account.ts';
import type { Webhooks } from './webhooks.ts';

const immortal = new Set(['default', 'kube-system', 'kube-public', 'kube-node-lease']);

export class AdmissionChain implements Admission {
  readonly #store: Store;
  readonly #webhooks: Webhooks;

  constructor(store: Store, webhooks: Webhooks) {
    this.#store = store;
    this.#webhooks = webhooks;
  }

  async mutate(attributes: AdmissionAttributes): Promise<ApiObject | undefined> {
    const { definition, object, namespace } = attributes;
    if (attributes.operation === 'CREATE') {
      this.#namespaceLifecycle(attributes);
      if (definition.storage === '/pods' && object !== undefined) admitServiceAccount(object, namespace, this.#store);
    }
    return this.#webhooks.mutate(attributes);
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    const { operation, definition, name } = attributes;
    if (operation === 'DELETE' && definition.storage === '/namespaces' && immortal.has(name))
      throw forbidden(definition, name, 'this namespace may not be deleted');
    await this.#webhooks.validate(attributes);
  }

  #namespaceLifecycle({ definition, namespace, name }: AdmissionAttributes): void {
    if (!definition.namespaced) return;
    const found = this.#store.get('/namespaces', '', namespace);
    if (found === undefined) throw notFound({ group: '', resource: 'namespaces' }, namespace);
    if (found.metadata.deletionTimestamp === undefined) return;
    const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
    const error = forbidden(definition, name, why);
    throw new ApiError(403, 'Forbidden', error.message, {
      ...error.details,
      causes: [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${namespace} is being terminated`,
          field: 'metadata.namespace',
        },
      ],
    });
  }
}
