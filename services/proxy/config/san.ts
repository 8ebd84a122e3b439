// Subject alternative names of certificates and the matchers that xDS holds against them.
import { RE2JS } from 're2js';

export interface SubjectAltName {
  readonly kind: 'URI' | 'DNS' | 'IP' | 'email';
  readonly value: string;
}

export type SanMatcher = (name: SubjectAltName) => boolean;

/** envoy.type.matcher.v3.StringMatcher as far as SANs and RBAC use it. */
export interface StringMatcher {
  readonly exact?: string;
  readonly prefix?: string;
  readonly suffix?: string;
  readonly contains?: string;
  readonly safeRegex?: { readonly regex?: string };
  readonly ignoreCase?: boolean;
}

/** Names in a peer certificate, from Node's `subjectaltname` text. */
export function subjectAltNames(certificate: { subjectaltname?: string | undefined }): SubjectAltName[] {
  const names: SubjectAltName[] = [];
  for (const part of splitNames(certificate.subjectaltname ?? '')) {
    const colon = part.indexOf(':');
    const label = part.slice(0, colon);
    const value = unquote(part.slice(colon + 1));
    const kind = label === 'IP Address' ? 'IP' : label;
    if (kind === 'URI' || kind === 'DNS' || kind === 'IP' || kind === 'email') names.push({ kind, value });
  }
  return names;
}

/** Splits at `, ` outside quotes: Node quotes values that could be taken for several names. */
function splitNames(text: string): string[] {
  return text.match(/(?:[^,"]|"(?:[^"\\]|\\.)*")+/g)?.map((part) => part.trim()) ?? [];
}

function unquote(value: string): string {
  if (!value.startsWith('"')) return value;
  try {
    return String(JSON.parse(value));
  } catch {
    return '';
  }
}

export function compileStringMatcher(matcher: StringMatcher): (value: string) => boolean {
  const fold = matcher.ignoreCase === true ? (value: string) => value.toLowerCase() : (value: string) => value;
  const { exact, prefix, suffix, contains, safeRegex } = matcher;
  if (safeRegex?.regex !== undefined) {
    const pattern = RE2JS.compile(safeRegex.regex);
    return (value) => pattern.matches(value);
  }
  if (prefix) return (value) => fold(value).startsWith(fold(prefix));
  if (suffix) return (value) => fold(value).endsWith(fold(suffix));
  if (contains) return (value) => fold(value).includes(fold(contains));
  const wanted = fold(exact ?? '');
  return (value) => fold(value) === wanted;
}

/** Matchers of a CertificateValidationContext: the typed list, else the older untyped one (any kind of name). */
export function compileSanMatchers(
  typed: readonly { readonly sanType?: string | number; readonly matcher?: StringMatcher }[] | undefined,
  untyped: readonly StringMatcher[] | undefined,
): SanMatcher[] {
  if (typed !== undefined && typed.length > 0) {
    return typed.map(({ sanType, matcher }) => {
      const matches = compileStringMatcher(matcher ?? {});
      const kind = SAN_KINDS[String(sanType)];
      return (name) => (kind === undefined || name.kind === kind) && matches(name.value);
    });
  }
  return (untyped ?? []).map((matcher) => {
    const matches = compileStringMatcher(matcher);
    return (name) => matches(name.value);
  });
}

const SAN_KINDS: Readonly<Record<string, SubjectAltName['kind']>> = {
  EMAIL: 'email',
  DNS: 'DNS',
  URI: 'URI',
  IP_ADDRESS: 'IP',
  '1': 'email',
  '2': 'DNS',
  '3': 'URI',
  '4': 'IP',
};
