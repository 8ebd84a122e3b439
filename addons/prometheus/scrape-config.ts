// What Prometheus scrapes: istiod, and every pod that says so by annotation, with the labels that dashboards expect.

/** Shortest and usual distance between two scrapes of a target. */
export const SCRAPE_INTERVAL = '15s';

const podMeta = '__meta_kubernetes_pod';

/** Rules that turn a discovered pod with prometheus.io annotations into a target. */
const podRules: readonly Record<string, unknown>[] = [
  { source_labels: [`${podMeta}_annotation_prometheus_io_scrape`], action: 'keep', regex: 'true' },
  // One target for a pod: the annotated port replaces that of the discovered container.
  {
    source_labels: [`${podMeta}_ip`, `${podMeta}_annotation_prometheus_io_port`],
    action: 'replace',
    regex: '(\\d+\\.\\d+\\.\\d+\\.\\d+);(\\d+)',
    target_label: '__address__',
    replacement: '$1:$2',
  },
  {
    source_labels: [`${podMeta}_annotation_prometheus_io_path`],
    action: 'replace',
    regex: '(.+)',
    target_label: '__metrics_path__',
  },
  { action: 'labelmap', regex: `${podMeta}_label_(.+)` },
  { source_labels: ['__meta_kubernetes_namespace'], target_label: 'namespace' },
  { source_labels: [`${podMeta}_name`], target_label: 'pod' },
  { source_labels: [`${podMeta}_node_name`], target_label: 'node' },
  { source_labels: [`${podMeta}_phase`], action: 'drop', regex: 'Pending|Succeeded|Failed|Completed' },
];

/** The whole configuration, as an object. */
export const scrapeConfig = (): Record<string, unknown> => ({
  global: { scrape_interval: SCRAPE_INTERVAL, evaluation_interval: SCRAPE_INTERVAL },
  scrape_configs: [
    { job_name: 'prometheus', static_configs: [{ targets: ['localhost:9090'] }] },
    {
      job_name: 'kubernetes-pods',
      kubernetes_sd_configs: [{ role: 'pod' }],
      relabel_configs: podRules,
    },
  ],
});
