// Defaults of pod specs and probes, as pkg/apis/core/v1/defaults.go of Kubernetes sets them.
import { at, type Fields, isFields, rec, recs, str } from '../object.ts';

const setDefault = (object: Fields, key: string, value: unknown): void => {
  if (object[key] === undefined || object[key] === '') object[key] = value;
};
/** Where zero counts as unset (Go fields without a pointer). */
const setNumber = (object: Fields, key: string, value: number): void => {
  if (object[key] === undefined || object[key] === 0) object[key] = value;
};

export function defaultPodSpec(spec: Fields): void {
  setDefault(spec, 'restartPolicy', 'Always');
  setDefault(spec, 'dnsPolicy', 'ClusterFirst');
  setDefault(spec, 'schedulerName', 'default-scheduler');
  if (spec['terminationGracePeriodSeconds'] === undefined) spec['terminationGracePeriodSeconds'] = 30;
  if (spec['securityContext'] === undefined) spec['securityContext'] = {};
  if (str(spec['serviceAccountName']) !== '') spec['serviceAccount'] = spec['serviceAccountName'];
  else if (str(spec['serviceAccount']) !== '') spec['serviceAccountName'] = spec['serviceAccount'];
  for (const field of ['initContainers', 'containers', 'ephemeralContainers'])
    for (const container of recs(spec[field])) defaultContainer(container, spec);
  for (const volume of recs(spec['volumes'])) defaultVolume(volume);
}

export function defaultContainer(container: Fields, spec: Fields): void {
  const image = str(container['image']);
  const tag = /:([^/@]+)(?:@.*)?$/.exec(image)?.[1];
  setDefault(
    container,
    'imagePullPolicy',
    (tag === undefined && !image.includes('@')) || tag === 'latest' ? 'Always' : 'IfNotPresent',
  );
  setDefault(container, 'terminationMessagePath', '/dev/termination-log');
  setDefault(container, 'terminationMessagePolicy', 'File');
  if (container['resources'] === undefined) container['resources'] = {};
  const resources = rec(container['resources']);
  if (isFields(resources['limits'])) {
    const requests = { ...rec(resources['limits']), ...rec(resources['requests']) };
    resources['requests'] = requests;
  }
  for (const port of recs(container['ports'])) {
    setDefault(port, 'protocol', 'TCP');
    if (spec['hostNetwork'] === true && port['hostPort'] === undefined) port['hostPort'] = port['containerPort'];
  }
  for (const env of recs(container['env'])) {
    const ref = at(env, 'valueFrom', 'fieldRef');
    if (isFields(ref)) setDefault(ref, 'apiVersion', 'v1');
  }
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    const probe = container[name];
    if (!isFields(probe)) continue;
    setNumber(probe, 'timeoutSeconds', 1);
    setNumber(probe, 'periodSeconds', 10);
    setNumber(probe, 'successThreshold', 1);
    setNumber(probe, 'failureThreshold', 3);
    defaultHttpGet(probe);
    const grpc = probe['grpc'];
    if (isFields(grpc) && grpc['service'] === undefined) grpc['service'] = '';
  }
  for (const hook of ['postStart', 'preStop']) {
    const handler = at(container, 'lifecycle', hook);
    if (isFields(handler)) defaultHttpGet(handler);
  }
}

function defaultHttpGet(handler: Fields): void {
  const get = handler['httpGet'];
  if (!isFields(get)) return;
  setDefault(get, 'path', '/');
  setDefault(get, 'scheme', 'HTTP');
}

function defaultVolume(volume: Fields): void {
  const sources = Object.keys(volume).filter((key) => key !== 'name');
  if (sources.length === 0) volume['emptyDir'] = {};
  for (const key of ['secret', 'configMap', 'downwardAPI', 'projected']) {
    const source = volume[key];
    if (isFields(source) && source['defaultMode'] === undefined) source['defaultMode'] = 420;
  }
  const host = volume['hostPath'];
  if (isFields(host) && host['type'] === undefined) host['type'] = '';
  for (const source of recs(at(volume, 'projected', 'sources'))) {
    const token = source['serviceAccountToken'];
    if (isFields(token) && token['expirationSeconds'] === undefined) token['expirationSeconds'] = 3600;
    for (const item of recs(at(source, 'downwardAPI', 'items'))) defaultFieldRef(item);
  }
  for (const item of recs(at(volume, 'downwardAPI', 'items'))) defaultFieldRef(item);
}

function defaultFieldRef(item: Fields): void {
  const ref = item['fieldRef'];
  if (isFields(ref)) setDefault(ref, 'apiVersion', 'v1');
}

/** Pod templates get a pod's defaults, and the null creation time that Go prints is left out. */
export function defaultTemplate(template: unknown): void {
  if (!isFields(template)) return;
  if (!isFields(template['metadata'])) template['metadata'] = {};
  if (isFields(template['spec'])) defaultPodSpec(template['spec']);
}
