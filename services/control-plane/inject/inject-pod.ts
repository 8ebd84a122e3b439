// One pod in, the same pod with its proxy out: template over pod, the user's own istio-proxy over that, then order.
import { Annotation, Component, Label, Port } from '#api/names.ts';
import { annotationProblems, flagAnnotation } from './annotations.ts';
import { type OriginalProbes, rewriteAppProbes } from './app-probes.ts';
import { fieldsOf } from './fields.ts';
import { type InjectionConfig, valueAt } from './injection-config.ts';
import { type Container, clonePod, type Pod } from './pod.ts';
import { proxyConfigOf } from './proxy-config.ts';
import { strategicMerge } from './strategic-merge.ts';
import { renderTemplate, type Template, TemplateError } from './template.ts';

/** What the webhook's URL says about the caller's cluster. */
export interface PathSettings {
  readonly clusterId?: string | undefined;
  readonly network?: string | undefined;
  /** Further variables of the proxy. */
  readonly env: Readonly<Record<string, string>>;
}

/** Adds the proxy; throws TemplateError for what the pod's author or the operator must mend. */
export function injectPod(original: Pod, namespace: string, config: InjectionConfig, path: PathSettings): Pod {
  const annotations = original.metadata.annotations ?? {};
  const problems = annotationProblems(annotations);
  if (problems.length > 0)
    throw new TemplateError(problems.map(({ message, hint }) => (hint ? `${message} (${hint})` : message)).join('; '));
  const { pod, own } = takeOwnProxy(clonePod(original));
  const proxyConfig = proxyConfigOf(annotations, config);
  const probes = rewritesProbes(annotations, config)
    ? rewriteAppProbes(pod, Number(annotations[Annotation.statusPort] ?? proxyConfig['statusPort'] ?? Port.agentStatus))
    : {};
  const prometheus = prometheusOf(annotations, config);
  const fields = fieldsOf({
    pod: original,
    namespace,
    config,
    proxyConfig,
    appProbers: toProberJson(probes),
    prometheus: prometheus.env,
    mergesMetrics: prometheus.merges,
    clusterId: path.clusterId,
    network: path.network,
  });
  const overlay = templatesOf(annotations, config)
    .map((template) => renderTemplate(template, fields) as unknown as Pod)
    .reduce((sum, rendered) => strategicMerge(sum, rendered) as Pod);
  dropEmptyVariables(overlay);
  const merged = strategicMerge({ ...pod, metadata: { ...pod.metadata, labels: {}, annotations: {} } }, overlay) as Pod;
  merged.metadata.labels = {
    ...merged.metadata.labels,
    ...pod.metadata.labels,
    ...(path.network === undefined ? {} : { [Label.network]: path.network }),
  };
  merged.metadata.annotations = {
    ...merged.metadata.annotations,
    ...pod.metadata.annotations,
    ...(prometheus.merges ? PROMETHEUS : {}),
    ...config.injectedAnnotations,
    ...(own === undefined ? {} : { [Annotation.proxyOverrides]: JSON.stringify({ containers: [own] }) }),
    [Annotation.sidecarStatus]: statusOf(overlay, config.revision),
  };
  putOwnProxy(merged, own);
  putVariables(merged, path.env);
  if (fields['proxy.holdApplication'] === true) holdApplication(merged);
  order(merged, fields['proxy.holdApplication'] === true);
  return merged;
}

const PROMETHEUS: Readonly<Record<string, string>> = {
  [Annotation.prometheusScrape]: 'true',
  [Annotation.prometheusPort]: String(Port.agentStatus),
  [Annotation.prometheusPath]: '/stats/prometheus',
};

function templatesOf(annotations: Readonly<Record<string, string>>, config: InjectionConfig): Template[] {
  const asked = annotations[Annotation.injectTemplates];
  const names = asked === undefined ? config.defaultTemplates : asked.split(',').map((name) => name.trim());
  return names
    .flatMap((name) => config.aliases[name] ?? [name])
    .map((name) => {
      const template = config.templates.get(name);
      if (template !== undefined) return template;
      const known = [...config.templates.keys()].sort().join(', ');
      throw new TemplateError(`requested template ${JSON.stringify(name)} not found; known are ${known || 'none'}`);
    });
}

/** The pod's author may declare istio-proxy: its fields win over the template's, image `auto` means ours. */
function takeOwnProxy(pod: Pod): { pod: Pod; own: Container | undefined } {
  const isProxy = ({ name }: Container): boolean => name === Component.proxyContainer;
  const own = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find(isProxy);
  if (own === undefined) return { pod, own };
  pod.spec.containers = pod.spec.containers.filter((container) => !isProxy(container));
  if (pod.spec.initContainers !== undefined)
    pod.spec.initContainers = pod.spec.initContainers.filter((container) => !isProxy(container));
  const { image, ...rest } = own;
  return { pod, own: image === undefined || image === 'auto' ? rest : own };
}

function proxyOf(pod: Pod): Container | undefined {
  return [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find(
    ({ name }) => name === Component.proxyContainer,
  );
}

function putOwnProxy(pod: Pod, own: Container | undefined): void {
  if (own === undefined) return;
  const injected = proxyOf(pod);
  if (injected === undefined) {
    pod.spec.containers.push(own);
    return;
  }
  Object.assign(injected, strategicMerge(injected, own));
  const uid = own.securityContext?.runAsUser;
  const init = pod.spec.initContainers?.find(({ name }) => name === Component.initContainer);
  const at = init?.args?.indexOf('-u') ?? -1;
  // The rules must spare whoever the proxy runs as.
  if (init?.args !== undefined && at !== -1 && uid !== undefined && uid !== 0) init.args[at + 1] = String(uid);
}

/** A variable whose value was an undefined field is not set to nothing, it is not there. */
function dropEmptyVariables(overlay: Pod): void {
  for (const container of [...(overlay.spec.containers ?? []), ...(overlay.spec.initContainers ?? [])]) {
    if (container.env !== undefined)
      container.env = container.env.filter((entry) => entry.value !== undefined || entry.valueFrom !== undefined);
  }
}

function putVariables(pod: Pod, env: Readonly<Record<string, string>>): void {
  const proxy = proxyOf(pod);
  if (proxy === undefined) return;
  const entries = Object.entries(env).map(([name, value]) => ({ name, value }));
  proxy.env = [...(proxy.env ?? []).filter(({ name }) => env[name] === undefined), ...entries];
}

function holdApplication(pod: Pod): void {
  const proxy = pod.spec.containers.find(({ name }) => name === Component.proxyContainer);
  if (proxy === undefined || proxy.lifecycle?.postStart !== undefined) return;
  proxy.lifecycle = { ...proxy.lifecycle, postStart: { exec: { command: ['pilot-agent', 'wait'] } } };
}

/** Native: istio-init, istio-proxy, then the app's own. Else: redirection last among init containers, the proxy last or first. */
function order(pod: Pod, hold: boolean): void {
  const without = (containers: readonly Container[], ...names: readonly string[]): Container[] =>
    containers.filter(({ name }) => !names.includes(name));
  const only = (containers: readonly Container[], name: string): Container[] =>
    containers.filter((container) => container.name === name);
  const init = pod.spec.initContainers ?? [];
  const { initContainer, validationContainer, proxyContainer } = Component;
  const rest = without(init, initContainer, validationContainer, proxyContainer);
  const native = only(init, proxyContainer);
  const ordered =
    native.length > 0
      ? [...only(init, initContainer), ...only(init, validationContainer), ...native, ...rest]
      : [...only(init, validationContainer), ...rest, ...only(init, initContainer)];
  if (ordered.length > 0) pod.spec.initContainers = ordered;
  const proxy = only(pod.spec.containers, proxyContainer);
  const apps = without(pod.spec.containers, proxyContainer);
  pod.spec.containers = hold ? [...proxy, ...apps] : [...apps, ...proxy];
}

function statusOf(overlay: Pod, revision: string): string {
  const names = (items: readonly { name: string }[] | undefined): string[] | null =>
    items === undefined || items.length === 0 ? null : items.map(({ name }) => name);
  const { initContainers, containers, volumes } = overlay.spec;
  const imagePullSecrets = names(overlay.spec['imagePullSecrets'] as { name: string }[] | undefined);
  return JSON.stringify({
    initContainers: names(initContainers),
    containers: names(containers),
    volumes: names(volumes),
    imagePullSecrets,
    revision,
  });
}

function rewritesProbes(annotations: Readonly<Record<string, string>>, config: InjectionConfig): boolean {
  if (annotations[Annotation.statusPort] === '0') return false;
  return flagAnnotation(
    annotations,
    Annotation.rewriteAppProbers,
    valueAt(config.values, 'sidecarInjectorWebhook.rewriteAppHTTPProbe') !== false,
  );
}

const toProberJson = (probes: OriginalProbes): string | undefined =>
  Object.keys(probes).length === 0 ? undefined : JSON.stringify(probes);

/** Whether the app's metrics are merged with the proxy's, and where the app has them. */
function prometheusOf(
  annotations: Readonly<Record<string, string>>,
  config: InjectionConfig,
): { merges: boolean; env: string | undefined } {
  const scrape = annotations[Annotation.prometheusScrape];
  const merges =
    flagAnnotation(annotations, Annotation.mergeMetrics, config.mesh.enablePrometheusMerge) &&
    !/^(?:0|f|false)$/i.test(scrape ?? '');
  const port = annotations[Annotation.prometheusPort];
  const path = annotations[Annotation.prometheusPath];
  const isSet = [scrape, port, path].some((value) => value !== undefined);
  if (!merges || !isSet || port === String(Port.agentStatus)) return { merges, env: undefined };
  return { merges, env: JSON.stringify({ scrape: scrape ?? '', path: path ?? '', port: port ?? '' }) };
}
