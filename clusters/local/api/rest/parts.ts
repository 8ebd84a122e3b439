// What handlers of requests share.
import type { RbacAuthorizer } from '../auth/rbac.ts';
import type { Reviews } from '../auth/reviews.ts';
import type { ServiceAccountTokens } from '../auth/tokens.ts';
import type { ResourceRegistry } from '../kinds/registry.ts';
import type { NodeProxy } from '../proxy/node-proxy.ts';
import type { Store } from '../storage/store.ts';
import type { ObjectService } from './object-service.ts';
import type { OpenApi } from './openapi.ts';

export interface HandlerParts {
  readonly store: Store;
  readonly registry: ResourceRegistry;
  readonly objects: ObjectService;
  readonly authorizer: RbacAuthorizer;
  readonly tokens: ServiceAccountTokens;
  readonly reviews: Reviews;
  readonly openApi: OpenApi;
  readonly proxy: NodeProxy;
  readonly signal: AbortSignal;
}
