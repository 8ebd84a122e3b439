// Reads the URI entries of the text form that node:tls gives of a subjectAltName extension.

/** URI SANs of `subjectaltname`; entries that Node had to quote hold odd characters and are no identities of ours. */
export function uriSansOf(subjectAltName: string | undefined): string[] {
  if (subjectAltName === undefined) return [];
  return subjectAltName
    .split(', ')
    .filter((entry) => entry.startsWith('URI:') && !entry.startsWith('URI:"'))
    .map((entry) => entry.slice('URI:'.length));
}
