// The validating webhook as an API server sees it.
import { describe, expect, test } from '@jest/globals';
import { answerValidation, reviewAdmission } from '../../../../services/control-plane/validate/admission.ts';

const virtualService = (spec: object, metadata: object = { name: 'reviews' }) => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata,
  spec,
});
const good = virtualService({
  hosts: ['reviews'],
  http: [{ route: [{ destination: { host: 'reviews', subset: 'v1' } }] }],
});
const review = (object: unknown, more: object = {}) => ({
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request: {
    uid: 'u1',
    operation: 'CREATE',
    namespace: 'default',
    kind: { group: 'networking.istio.io', version: 'v1', kind: 'VirtualService' },
    object,
    ...more,
  },
});
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

describe('decisions', () => {
  test('a right object passes, with the uid of the request', () => {
    expect(reviewAdmission(review(good))).toEqual({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      response: { uid: 'u1', allowed: true },
    });
  });

  test('a wrong object is denied with field, reason and remedy', () => {
    const { response } = reviewAdmission(
      review(virtualService({ hosts: ['reviews'], http: [{ route: [{ destination: { hots: 'reviews' } }] }] })),
    );
    expect(response.allowed).toBe(false);
    expect(response.status?.message).toBe(
      'configuration is invalid: spec.http[0].route[0].destination.hots: unknown field "hots" (did you mean host?); spec.http[0].route[0].destination.host: is required',
    );
  });

  test('a warning lets it through and is told', () => {
    const { response } = reviewAdmission(
      review(
        virtualService({
          hosts: ['r'],
          http: [{ route: [{ destination: { host: 'r' } }] }, { route: [{ destination: { host: 'r' } }] }],
        }),
      ),
    );
    expect(response).toMatchObject({ allowed: true, warnings: [expect.stringContaining('never reached')] });
  });

  test('the namespace of the request counts where the object has none', () => {
    const exported = virtualService({ ...good.spec, exportTo: ['.', 'default'] });
    expect(reviewAdmission(review(exported)).response.status?.message).toContain('said twice');
  });

  test('the proof of readiness is denied', () => {
    const probe = virtualService(good.spec, {
      name: 'x',
      annotations: { 'internal.istio.io/webhook-always-reject': 'true' },
    });
    expect(reviewAdmission(review(probe)).response.allowed).toBe(false);
  });

  test('DELETE and CONNECT are none of its business; unknown kinds are denied', () => {
    expect(reviewAdmission(review(null, { operation: 'DELETE' })).response.allowed).toBe(true);
    expect(
      reviewAdmission(review(good, { kind: { group: 'a.b', version: 'v1', kind: 'C' } })).response.status?.message,
    ).toContain('unrecognized type a.b/v1 C');
  });

  test('every served version is accepted, others are not', () => {
    const of = (apiVersion: string) => reviewAdmission(review({ ...good, apiVersion })).response.allowed;
    expect(['v1', 'v1beta1', 'v1alpha3', 'v2'].map((version) => of(`networking.istio.io/${version}`))).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });
});

describe('over HTTP', () => {
  test('a review is answered with JSON', () => {
    const answer = answerValidation('application/json; charset=utf-8', json(review(good)));
    expect(answer).toMatchObject({ status: 200, contentType: 'application/json' });
    expect(JSON.parse(answer.body)).toMatchObject({ response: { allowed: true } });
  });
  test.each<[string, string | undefined, Uint8Array, number]>([
    ['no body', 'application/json', new Uint8Array(), 400],
    ['another media type', 'text/plain', json(review(good)), 415],
    ['no media type', undefined, json(review(good)), 415],
    ['no JSON', 'application/json', new TextEncoder().encode('{'), 400],
    ['no request', 'application/json', json({}), 400],
    ['too much', 'application/json', new Uint8Array(5_000_000), 413],
  ])('%s', (_what, type, body, status) => expect(answerValidation(type, body).status).toBe(status));
});
