// What matching reads of a request.

export interface MatchRequest {
  /** `:authority` or Host, with the port where the client sent one. */
  readonly authority: string;
  /** `:path`: path and query. */
  readonly path: string;
  readonly method: string;
  /** `http` or `https`. Default `http`. */
  readonly scheme?: string | undefined;
  /** Value of a header by lower-case name, several joined by `,`; undefined where absent. */
  header(name: string): string | undefined;
}

/** A header or pseudo-header by lower-case name. */
export function headerOf(request: MatchRequest, name: string): string | undefined {
  if (name.charCodeAt(0) !== 58) return name === 'host' ? request.authority : request.header(name);
  switch (name) {
    case ':method':
      return request.method;
    case ':authority':
      return request.authority;
    case ':path':
      return request.path;
    case ':scheme':
      return request.scheme ?? 'http';
    default:
      return undefined;
  }
}

/** The path without query and fragment, as Envoy's path matchers see it. */
export function pathOf(target: string): string {
  let end = target.indexOf('?');
  const fragment = target.indexOf('#');
  if (fragment >= 0 && (end < 0 || fragment < end)) end = fragment;
  return end < 0 ? target : target.slice(0, end);
}
