// Where the embedded API server answers otherwise than the real one, and why. This list only shrinks.

const words =
  'the same refusal with the same code, in other words: the real one names Go types, conversions or internals';
const quirk =
  'the real one answers 500 or a bare 415 where the request is at fault; ours is lenient or names the problem';
const daemonTable = 'table rows of a DaemonSet hide an annotation that the object itself shows';
const probeTime = 'the real one owns the null times of conditions that Go prints; ours stores no nulls';
const dualStack = 'the real one was started with two address families; the embedded cluster has IPv4 alone';
const ipMode = 'statuses of Services are not validated: the load balancer writes ingress addresses to any type';
const jobLabels = "a Job's own labels are not taken from its template";
const emptyStructs = 'Go prints structs that are empty; ours leaves them out';
const reviews = 'reviews are answered, never stored: nobody owns their fields';
const crd = 'custom resources are served at once, so conditions and finalizer of a CRD are written with less ado';
const plain = 'order of verbs in discovery, or an empty details field';
const cron = 'columns of a CronJob in wide output';

/** Name of an exchange, and the reason. */
export const differences: Readonly<Record<string, string>> = {
  'config map with wrong kind': words,
  'config map with wrong version': words,
  'config map with a wrong type': words,
  'role reference changes': words,
  'delete /api/v1/namespaces/pairs/configmaps/cm': words,
  'DaemonSet without selector': words,
  'resource version at creation': quirk,
  'patch of unknown type': quirk,
  'unknown field in apply': quirk,
  'get /apis/apps/v1/namespaces/pairs/daemonsets/w-daemonsets as table': daemonTable,
  'get /apis/apps/v1/namespaces/pairs/daemonsets as table': daemonTable,
  'pod status': probeTime,
  'get /api/v1/namespaces/pairs/pods/p as table': probeTime,
  'delete /api/v1/namespaces/pairs/pods/p': probeTime,
  'delete /api/v1/namespaces/pairs/pods/p?gracePeriodSeconds=0': probeTime,
  'delete /api/v1/namespaces/pairs/pods/probes': 'generation is not counted for an object that is removed at once',
  'headless service': dualStack,
  'delete /api/v1/namespaces/pairs/services/headless': dualStack,
  'service status': ipMode,
  'create job': jobLabels,
  'get /apis/batch/v1/namespaces/pairs/jobs/j as table': jobLabels,
  'create cron job': emptyStructs,
  'create endpoint slice': emptyStructs,
  'get /apis/batch/v1/namespaces/pairs/cronjobs/cj as table': cron,
  'self subject access review': reviews,
  'subject access review': reviews,
  'create crd': crd,
  'delete /apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.pairs.example.com': crd,
  'gadget strategic patch': plain,
  'get /apis/pairs.example.com/v1': plain,
};
