// Add-ons that stand beside the mesh.
export { Prometheus, type PrometheusProps } from './prometheus/prometheus.ts';
