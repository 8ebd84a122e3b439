// The injection webhook with its configuration from the ConfigMaps, parsed again when their text changes.
import { ConfigMapName } from '#api/names.ts';
import { createInjectHandler } from './inject/handler.ts';
import { type InjectionConfig, parseInjectionConfig } from './inject/inject-review.ts';
import type { WebhookHandler } from './serve/webhook-server.ts';

export interface InjectionHandlerOptions {
  /** Data of a ConfigMap in the system namespace. */
  readonly configMap: (name: string) => Readonly<Record<string, string>> | undefined;
  readonly revision: string;
  readonly log: (line: string) => void;
}

export function injectionHandler({ configMap, revision, log }: InjectionHandlerOptions): WebhookHandler {
  const suffix = revision === 'default' ? '' : `-${revision}`;
  let parsed: { readonly key: string; readonly config: InjectionConfig | undefined } | undefined;
  const config = (): InjectionConfig | undefined => {
    const injector = configMap(`${ConfigMapName.injector}${suffix}`);
    if (injector === undefined) return undefined;
    const meshConfigYaml = configMap(`${ConfigMapName.mesh}${suffix}`)?.['mesh'] ?? '';
    const { config: injectorConfigYaml = '', values: valuesJson = '{}' } = injector;
    const key = JSON.stringify([injectorConfigYaml, valuesJson, meshConfigYaml]);
    if (parsed?.key === key) return parsed.config;
    try {
      parsed = { key, config: parseInjectionConfig({ injectorConfigYaml, valuesJson, meshConfigYaml, revision }) };
    } catch (error) {
      log(`injection configuration: ${(error as Error).message}; the last good one stays in force`);
      parsed = { key, config: parsed?.config };
    }
    return parsed.config;
  };
  return createInjectHandler({ config, log });
}
