// Image name -> command line. The embedded node has no registry: an image is a row in a table, tags and digests ignored.

/** One row: what a container of this image runs when its `command` is not set. */
export interface ImageEntry {
  /** Repository name; normalised on load (`nginx` is `docker.io/library/nginx`). */
  readonly image: string;
  /** Entrypoint; `${node}` and `${bundle}` stand for the Node binary and the directory of bundles. */
  readonly command: readonly string[];
  /** Default arguments, as an image's CMD: replaced by the container's `args`. @default [] */
  readonly args?: readonly string[] | undefined;
  /** Variables the image sets. @default {} */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** User and group the image declares; numbers. @default 0 */
  readonly user?: number | undefined;
  readonly group?: number | undefined;
  /** @default '/' */
  readonly workingDir?: string | undefined;
}

/** Longest accepted image reference, in characters. */
const maxReference = 1024;

/**
 * Repository of an image reference without tag and digest, in full form; undefined when it cannot be one.
 * @see https://github.com/distribution/reference
 */
export function tryImageRepository(reference: string): string | undefined {
  if (reference.length > maxReference) return undefined;
  const withoutDigest = reference.split('@', 1)[0] ?? '';
  const lastSlash = withoutDigest.lastIndexOf('/');
  const colon = withoutDigest.indexOf(':', lastSlash + 1);
  const name = colon < 0 ? withoutDigest : withoutDigest.slice(0, colon);
  const tag = colon < 0 ? undefined : withoutDigest.slice(colon + 1);
  if (tag !== undefined && !/^\w[\w.-]{0,127}$/.test(tag)) return undefined;
  const segments = name.split('/');
  const first = segments[0] ?? '';
  const hasDomain =
    segments.length > 1 && (/[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase());
  const domain = hasDomain ? first : 'docker.io';
  const path = hasDomain ? segments.slice(1) : segments;
  if (!/^[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?(:\d{1,5})?$/.test(domain)) return undefined;
  if (path.length === 0 || !path.every((part) => /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*$/.test(part))) return undefined;
  const official = (domain === 'docker.io' || domain === 'index.docker.io') && path.length === 1;
  return [domain === 'index.docker.io' ? 'docker.io' : domain, ...(official ? ['library'] : []), ...path].join('/');
}

/** Result of a look-up: the row, or the waiting reason and message of the container. */
export type ImageLookup =
  | { readonly kind: 'found'; readonly entry: ImageEntry; readonly repository: string }
  | {
      readonly kind: 'invalid' | 'unknown';
      readonly reason: 'InvalidImageName' | 'ErrImagePull';
      readonly message: string;
    };

/** The images a node can run. */
export class ImageTable {
  private readonly entries = new Map<string, ImageEntry>();

  constructor(rows: readonly ImageEntry[], variables: Readonly<Record<string, string>>) {
    const fill = (text: string): string =>
      text.replace(/\$\{(\w+)\}/g, (whole, name: string) => variables[name] ?? whole);
    for (const row of rows) {
      const repository = tryImageRepository(row.image);
      if (repository === undefined) throw new Error(`image table: ${row.image} is not an image name`);
      this.entries.set(repository, { ...row, command: row.command.map(fill), args: (row.args ?? []).map(fill) });
    }
  }

  /** Names of all images, sorted. */
  names(): string[] {
    return [...this.entries.keys()].sort();
  }

  find(reference: string): ImageLookup {
    const repository = tryImageRepository(reference);
    if (repository === undefined) {
      return {
        kind: 'invalid',
        reason: 'InvalidImageName',
        message: `Failed to apply default image tag "${reference}": couldn't parse image name: invalid reference format`,
      };
    }
    const entry = this.entries.get(repository);
    if (entry !== undefined) return { kind: 'found', entry, repository };
    const last = repository.slice(repository.lastIndexOf('/') + 1);
    const near = this.names().filter((name) => name.slice(name.lastIndexOf('/') + 1) === last);
    return {
      kind: 'unknown',
      reason: 'ErrImagePull',
      message:
        `the embedded cluster has no program for image "${reference}" (${repository}): it runs programs from its image table ` +
        `and pulls nothing. Add { image, command } to the images of your program, or use a cluster with a registry (rig up kind)` +
        (near.length > 0 ? `; the table has ${near.join(', ')}` : ''),
    };
  }
}

/** Reads the table's JSON file content. */
export function toImageEntries(text: string): ImageEntry[] {
  const raw: unknown = JSON.parse(text);
  if (!Array.isArray(raw)) throw new Error('image table: expected a JSON array of { image, command }');
  return raw.map((row: unknown, index) => {
    const entry = row as Partial<ImageEntry> | null;
    if (typeof entry?.image !== 'string' || !Array.isArray(entry.command) || entry.command.length === 0) {
      throw new Error(`image table: entry ${index}: expected { image: string, command: [program, ...] }`);
    }
    return entry as ImageEntry;
  });
}
