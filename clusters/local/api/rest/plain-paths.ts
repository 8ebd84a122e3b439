// Paths that are no resource: discovery, OpenAPI documents, health, version, metrics.
import { issuer } from '../auth/tokens.ts';
import type { ServerResponse } from 'node:http';
import * as status from '../status.ts';
import { aggregated, allGroups, groupDocument, resourceList } from './discovery.ts';
import type { HandlerParts } from './parts.ts';
import type { ApiRequest } from './request.ts';
import { sendJson, sendText } from './respond.ts';

export const version = {
  major: '1',
  minor: '34',
  gitVersion: 'v1.34.4+rigging',
  gitCommit: 'rigging',
  gitTreeState: 'clean',
  buildDate: '2026-01-01T00:00:00Z',
  goVersion: 'go1.24',
  compiler: 'gc',
  platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
};
export class PlainPaths {
  readonly #parts: HandlerParts;
  readonly #counts: ReadonlyMap<string, number>;

  constructor(parts: HandlerParts, counts: ReadonlyMap<string, number>) {
    this.#parts = parts;
    this.#counts = counts;
  }

  async serve(request: ApiRequest): Promise<void> {
    const { info, outgoing, query, incoming } = request;
    const { registry, openApi } = this.#parts;
    const path = info.path.length > 1 ? info.path.replace(/\/$/, '') : info.path;
    const accept = incoming.headers.accept ?? '';
    if (request.method !== 'GET' && request.method !== 'HEAD') throw status.methodNotAllowed();
    const wantsAggregated = /g=apidiscovery\.k8s\.io/.test(accept) && /v=v2(;|,|$)/.test(accept);
    const parts = path.split('/').filter((part) => part !== '');
    if (path === '/version') return sendJson(outgoing, 200, version);
    if (['healthz', 'livez', 'readyz'].includes(parts[0] ?? '')) return this.#health(request, parts[0]!);
    if (path === '/api' || path === '/apis') {
      if (wantsAggregated)
        return sendJson(
          outgoing,
          200,
          aggregated(registry, path === '/api'),
          [],
          'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
        );
      if (path === '/api')
        return sendJson(outgoing, 200, {
          kind: 'APIVersions',
          versions: ['v1'],
          serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: incoming.headers.host ?? '' }],
        });
      return sendJson(outgoing, 200, {
        kind: 'APIGroupList',
        apiVersion: 'v1',
        groups: allGroups(registry).map(groupDocument),
      });
    }
    if (parts[0] === 'api' && parts.length === 2) {
      const found = resourceList(registry, '', parts[1]!);
      if (found !== undefined) return sendJson(outgoing, 200, found);
    }
    if (parts[0] === 'apis' && parts.length === 2) {
      const group = allGroups(registry).find((item) => item.name === parts[1]);
      if (group !== undefined)
        return sendJson(outgoing, 200, { kind: 'APIGroup', apiVersion: 'v1', ...groupDocument(group) });
    }
    if (parts[0] === 'apis' && parts.length === 3) {
      if (!allGroups(registry).some((group) => group.name === parts[1])) return notFoundText(outgoing);
      const found = resourceList(registry, parts[1]!, parts[2]!);
      if (found !== undefined) return sendJson(outgoing, 200, found);
    }
    if (path === '/openapi/v2') return sendText(outgoing, 200, openApi.v2().text, 'application/json');
    if (path === '/openapi/v3') return sendJson(outgoing, 200, openApi.v3Index());
    if (path.startsWith('/openapi/v3/')) {
      const document = openApi.v3(path.slice('/openapi/v3/'.length));
      if (document !== undefined) {
        const isCurrent = query.get('hash') === document.hash;
        outgoing.setHeader('etag', `"${document.hash}"`);
        if (isCurrent) outgoing.setHeader('cache-control', 'public, immutable');
        return sendText(outgoing, 200, document.text, 'application/json');
      }
    }
    if (path === '/.well-known/openid-configuration')
      return sendJson(outgoing, 200, {
        issuer,
        jwks_uri: `${issuer}/openid/v1/jwks`,
        response_types_supported: ['id_token'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['ES256'],
      });
    if (path === '/openid/v1/jwks')
      return sendText(outgoing, 200, JSON.stringify(this.#parts.tokens.keySet()), 'application/jwk-set+json');
    if (path === '/metrics') return sendText(outgoing, 200, this.#metrics(), 'text/plain; version=0.0.4');
    if (path === '/')
      return sendJson(outgoing, 200, {
        paths: [
          '/api',
          '/api/v1',
          '/apis',
          ...allGroups(registry).map((group) => `/apis/${group.name}`),
          '/healthz',
          '/livez',
          '/metrics',
          '/openapi/v2',
          '/openapi/v3',
          '/readyz',
          '/version',
        ],
      });
    if (parts[0] === 'apis' && parts.length === 3) throw status.pathNotFound();
    notFoundText(outgoing);
  }

  #health({ outgoing, query }: ApiRequest, name: string): void {
    const checks = [
      'ping',
      'log',
      'etcd',
      ...(name === 'readyz' ? ['informer-sync'] : []),
      'poststarthook/start-apiextensions-informers',
      ...(name === 'readyz' ? ['shutdown'] : []),
    ];
    if (!query.has('verbose')) return sendText(outgoing, 200, 'ok', 'text/plain; charset=utf-8');
    sendText(
      outgoing,
      200,
      `${checks.map((check) => `[+]${check} ok`).join('\n')}\n${name} check passed\n`,
      'text/plain; charset=utf-8',
    );
  }

  #metrics(): string {
    const lines = [
      '# HELP apiserver_request_total Requests by verb and code.',
      '# TYPE apiserver_request_total counter',
    ];
    for (const [key, count] of this.#counts) {
      const [verb = '', code = ''] = key.split('\u0000');
      lines.push(`apiserver_request_total{verb=${JSON.stringify(verb.toUpperCase())},code="${code}"} ${count}`);
    }
    lines.push('# TYPE apiserver_storage_objects gauge');
    for (const definition of this.#parts.registry.all)
      lines.push(
        `apiserver_storage_objects{resource="${definition.resource}${definition.group === '' ? '' : `.${definition.group}`}"} ${this.#parts.store.count(definition.storage)}`,
      );
    return `${lines.join('\n')}\n`;
  }
}

const notFoundText = (outgoing: ServerResponse): void =>
  sendText(outgoing, 404, '404 page not found\n', 'text/plain; charset=utf-8');
