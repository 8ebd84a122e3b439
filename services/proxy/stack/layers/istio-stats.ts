// Counts each exchange and tunnel in Istio's standard metrics.
import type { TcpLayer } from '../../tcp/proxy.ts';
import type { IstioMetrics } from '../../telemetry/istio-metrics.ts';
import type { Layer } from '../layer.ts';

export function istioStats(metrics: IstioMetrics): Layer {
  return { name: 'istio.stats', onEnd: (exchange) => metrics.onExchange(exchange) };
}

export function istioTcpStats(metrics: IstioMetrics): TcpLayer {
  return {
    name: 'istio.stats',
    onOpen: (tunnel) => metrics.onTunnelOpen(tunnel),
    onEnd: (tunnel) => metrics.onTunnelEnd(tunnel),
  };
}
