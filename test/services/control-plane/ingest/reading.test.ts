import { describe, expect, jest, test } from '@jest/globals';
import { toCredential } from '../../../../services/control-plane/ingest/credentials.ts';
import { debounce } from '../../../../services/control-plane/ingest/debounce.ts';
import { parseMeshSettings } from '../../../../services/control-plane/ingest/mesh-settings.ts';
import { defaultMeshSettings } from '../../../../services/control-plane/model/resources.ts';

describe('mesh configuration', () => {
  test('without text all is as Istio has it', () => {
    expect(parseMeshSettings(undefined)).toEqual(defaultMeshSettings);
    expect(parseMeshSettings('# nothing\n')).toEqual(defaultMeshSettings);
  });

  test('what is said is taken, what is unknown is left', () => {
    const text = 'trustDomain: corp\noutboundTrafficPolicy: { mode: REGISTRY_ONLY }\nconnectTimeout: 1.5s\nother: 1\n';
    expect(parseMeshSettings(text)).toEqual({
      ...defaultMeshSettings,
      trustDomain: 'corp',
      outboundTrafficPolicy: 'REGISTRY_ONLY',
      connectTimeoutSeconds: 1.5,
    });
  });

  test('a list is refused with a sentence', () => {
    expect(() => parseMeshSettings('- a')).toThrow('must be a mapping');
  });
});

describe('credentials', () => {
  const secret = (data: Record<string, string>, type?: string) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'cert', namespace: 'istio-system' },
    data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')])),
    ...(type === undefined ? {} : { type }),
  });

  test('both sets of keys are read', () => {
    const expected = { namespace: 'istio-system', name: 'cert', certificateChain: 'c', privateKey: 'k', ca: 'r' };
    expect(toCredential(secret({ 'tls.crt': 'c', 'tls.key': 'k', 'ca.crt': 'r' }))).toEqual(expected);
    expect(toCredential(secret({ cert: 'c', key: 'k', cacert: 'r' }))).toEqual(expected);
  });

  test('the CA’s own key and other Secrets are nobody’s credential', () => {
    expect(toCredential(secret({ 'tls.crt': 'c', 'tls.key': 'k' }, 'istio.io/ca-root'))).toBeUndefined();
    expect(toCredential(secret({ password: 'x' }))).toBeUndefined();
  });
});

describe('debounce', () => {
  test('runs once after quiet, at the latest after the longest wait, and never after the end', () => {
    jest.useFakeTimers({ now: 0 });
    try {
      const ending = new AbortController();
      let runs = 0;
      const changed = debounce(() => runs++, { quietMs: 10, longestMs: 25, now: Date.now }, ending.signal);
      changed();
      jest.advanceTimersByTime(9);
      changed();
      jest.advanceTimersByTime(9);
      expect(runs).toBe(0);
      changed();
      jest.advanceTimersByTime(7);
      expect(runs).toBe(1);
      jest.advanceTimersByTime(100);
      expect(runs).toBe(1);
      changed();
      ending.abort();
      jest.advanceTimersByTime(100);
      expect(runs).toBe(1);
    } finally {
      jest.useRealTimers();
    }
  });
});
