// What the control plane generates is what the proxy takes, and traffic of the example mesh goes where it should.
import { expect, test } from '@jest/globals';
import { decodeMessage, encodeMessage } from '#wire/xds.ts';
import { allResources, generate } from '../../../services/control-plane/generate/index.ts';
import { buildModel } from '../../../services/control-plane/model/build.ts';
import { configDump } from '../../../services/proxy/admin/config-dump.ts';
import { ProxySink } from '../../../services/proxy/xds/proxy-sink.ts';
import type { ResourceKind } from '../../../services/proxy/xds/ads-client.ts';
import { ProxyBench } from '../../harness/proxy-bench.ts';
import { bookinfo, router, sidecar } from '../control-plane/generate/bookinfo.ts';

const KINDS: Readonly<Record<string, ResourceKind>> = {
  'envoy.config.cluster.v3.Cluster': 'cluster',
  'envoy.config.endpoint.v3.ClusterLoadAssignment': 'endpoint',
  'envoy.config.listener.v3.Listener': 'listener',
  'envoy.config.route.v3.RouteConfiguration': 'route',
  'envoy.extensions.transport_sockets.tls.v3.Secret': 'secret',
};

test.each([
  ['sidecar', sidecar],
  ['router', router],
])('a %s takes all of it', async (_name, proxy) => {
  const bench = new ProxyBench();
  try {
    const sink = new ProxySink(bench.plane);
    for (const { name, type, message } of allResources(generate(buildModel(bookinfo()), proxy))) {
      const decoded = decodeMessage(type, encodeMessage(type, message as never)) as Record<string, unknown>;
      const kind = KINDS[type];
      if (kind === undefined) throw new Error(`no kind for ${type}`);
      // The ports of the real thing may be taken here: any will do.
      const address = { socketAddress: { address: '127.0.0.1', portValue: 0 } };
      const bound =
        kind === 'listener' && (decoded['bindToPort'] as { value?: boolean } | undefined)?.value === undefined;
      await sink.set(kind, name, bound ? { ...decoded, address } : decoded);
    }
    for (const kind of ['cluster', 'listener'] as const) sink.settled(kind);
    for (const name of bench.plane.wantedRoutes()) expect(bench.plane.routes.isLoaded(name)).toBe(true);
    const dump = configDump(
      { plane: bench.plane, startedAt: '2026-01-01T00:00:00Z', version: () => '1' },
      { includeEds: true },
    );
    const text = JSON.stringify(dump);
    expect(text).toContain(
      '"@type":"type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"',
    );
    expect(text).not.toMatch(/typedConfig|portValue|PRIVATE KEY/);
    expect(bench.log).toEqual([]);
  } finally {
    await bench.close();
  }
});
