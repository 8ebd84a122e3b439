// Services that a proxy may call.
import { isExported, type Model } from '../model/build.ts';
import type { ModelService } from '../model/services.ts';
import type { ProxyNode } from './proxy-node.ts';

export const visibleServices = (model: Model, proxy: ProxyNode): ModelService[] =>
  [...model.services.values()].filter((it) => isExported(it.exportTo, it.namespace, proxy.namespace));
