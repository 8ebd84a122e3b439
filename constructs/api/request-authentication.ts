// RequestAuthentication: which JSON web tokens a workload accepts.
import type { Findings } from './findings.ts';
import { defineKind } from './kind.ts';
import { joinPath } from './problem.ts';
import { array, boolean, duration, object, oneOf, string, type TypeOf } from './schema.ts';
import { isRecord } from './shape.ts';
import { checkTargets, oneTarget, targetFields } from './target-ref.ts';

const url = {
  minLength: 1,
  maxLength: 2048,
  'x-kubernetes-validations': [
    { message: 'url must have scheme http:// or https://', rule: 'url(self).getScheme() in ["http", "https"]' },
  ],
};
const nonEmpty = (description: string) => string(description, { minLength: 1 });

const jwtRule = object(
  'An issuer of tokens.',
  {
    audiences: array('Audiences of which a token must have one.', nonEmpty('Audience.')),
    forwardOriginalToken: boolean('Whether the service gets the token.'),
    fromCookies: array('Cookies that may hold the token.', nonEmpty('Name of a cookie.')),
    fromHeaders: array(
      'Headers that may hold the token.',
      object(
        'A header.',
        { name: nonEmpty('Name of the header.'), prefix: string('Text before the token, e.g. `Bearer `.') },
        { required: ['name'] },
      ),
    ),
    fromParams: array('Query parameters that may hold the token.', nonEmpty('Name of a parameter.')),
    issuer: nonEmpty('Issuer of the token (`iss`).'),
    jwks: string('Public keys as a JSON web key set.'),
    jwks_uri: string('Where the public keys are.', url),
    jwksUri: string('Where the public keys are.', url),
    outputClaimToHeaders: array(
      'Claims to copy to headers.',
      object(
        'A claim and its header.',
        {
          claim: nonEmpty('Claim, nested by dots.'),
          header: string('Name of the header.', { minLength: 1, pattern: '^[-_A-Za-z0-9]+$' }),
        },
        { required: ['header', 'claim'] },
      ),
    ),
    outputPayloadToHeader: string('Header that gets the payload in base64url.'),
    presence: oneOf('Whether a token must be there.', ['OPTIONAL', 'REQUIRED']),
    spaceDelimitedClaims: array('Claims that are lists separated by spaces.', nonEmpty('Claim.'), { maxItems: 64 }),
    timeout: duration('Limit for fetching keys, default 5s.'),
  },
  {
    rules: [
      {
        message: 'only one of jwks or jwksUri can be set',
        rule: '(has(self.jwksUri) ? 1 : 0) + (has(self.jwks_uri) ? 1 : 0) + (has(self.jwks) ? 1 : 0) <= 1',
      },
    ],
    deprecated: { jwks_uri: 'use jwksUri' },
  },
);

const spec = object(
  'Tokens that workloads accept; requests without a token pass.',
  { jwtRules: array('Issuers.', jwtRule, { maxItems: 4096 }), ...targetFields },
  { rules: [oneTarget] },
);

export type RequestAuthenticationSpec = TypeOf<typeof spec>;
export type JwtRule = TypeOf<typeof jwtRule>;

/** @see https://istio.io/latest/docs/reference/config/security/request_authentication/ */
export const requestAuthentication = defineKind<RequestAuthenticationSpec>({
  group: 'security.istio.io',
  versions: ['v1', 'v1beta1'],
  kind: 'RequestAuthentication',
  plural: 'requestauthentications',
  shortNames: ['ra'],
  spec,
  rules: (value, path, findings) => {
    checkTargets(value, path, findings);
    for (const [index, rule] of (value.jwtRules ?? []).entries())
      checkJwtRule(rule, joinPath(`${path}.jwtRules`, index), findings);
  },
});

function checkJwtRule(rule: JwtRule, path: string, findings: Findings): void {
  const sources = (['jwks', 'jwksUri', 'jwks_uri'] as const).filter((name) => rule[name] !== undefined);
  if (sources.length > 1)
    findings.error(path, 'conflict', `only one of jwks and jwksUri is possible, got ${sources.join(' and ')}`);
  const uri = rule.jwksUri ?? rule.jwks_uri;
  if (!rule.issuer && !uri) findings.error(`${path}.issuer`, 'required', 'is required, unless jwksUri is set');
  if (uri && !/^https?:\/\/[^/\s]+/.test(uri))
    findings.error(`${path}.jwksUri`, 'bad-url', `must begin with http:// or https://, got "${uri}"`);
  if (rule.jwks !== undefined && rule.jwks !== '') checkKeys(rule.jwks, `${path}.jwks`, findings);
}

function checkKeys(text: string, path: string, findings: Findings): void {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    findings.error(path, 'bad-jwks', `is not JSON: ${(error as Error).message}`);
    return;
  }
  const keys: readonly unknown[] = isRecord(parsed) && Array.isArray(parsed.keys) ? parsed.keys : [parsed];
  for (const [index, key] of keys.entries()) {
    if (!isRecord(key) || typeof key.kty !== 'string') findings.error(path, 'bad-jwks', `key ${index} has no "kty"`);
    else if (key.kty === 'oct' || key.d !== undefined)
      findings.warn(path, 'private-key', `key ${index} holds a private or shared secret; only public keys are needed`);
  }
}
