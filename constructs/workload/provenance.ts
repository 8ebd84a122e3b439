// Where in the user's TypeScript a construct was made. Kept beside the tree, never in manifests: an edit above would churn them.
import type { IConstruct } from 'constructs';

/** A place in a source file. */
export interface SourceLocation {
  /** Absolute path. */
  readonly file: string;
  readonly line: number;
}

const places = new WeakMap<IConstruct, SourceLocation>();

/** Folder of this library; frames inside it are ours, not the user's. */
const library = decodeURIComponent(new URL('..', import.meta.url).pathname);
/** Frames looked at; deeper nesting of the user's own classes gives no place. */
const MAX_FRAMES = 40;

/** Notes the place of the innermost call from outside the library. */
export function rememberPlace(construct: IConstruct): void {
  const place = callerPlace();
  if (place) places.set(construct, place);
}

/** Where a construct was made; undefined for those of other libraries. The nearest parent's place stands in. */
export function placeOf(construct: IConstruct): SourceLocation | undefined {
  for (let each: IConstruct | undefined = construct; each; each = each.node.scope) {
    const place = places.get(each);
    if (place) return place;
  }
  return undefined;
}

/** ` (apps/platform.ts:12)`, or nothing where the place is not known. The file is shortened to its last two segments. */
export function placeText(construct: IConstruct): string {
  const place = placeOf(construct);
  return place ? ` (${shortPath(place)})` : '';
}

/** `Reviews "reviews/rollout" (bookinfo/chart.ts:20)`. */
export const describeConstruct = (construct: IConstruct): string =>
  `${construct.constructor.name} "${construct.node.path}"${placeText(construct)}`;

const shortPath = ({ file, line }: SourceLocation): string => `${file.split('/').slice(-2).join('/')}:${line}`;

export function callerPlace(): SourceLocation | undefined {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = MAX_FRAMES;
  const stack = new Error().stack ?? '';
  Error.stackTraceLimit = before;
  for (const frame of stack.split('\n').slice(1)) {
    const found = /\(?((?:file:\/\/)?\/[^():]+|[A-Za-z]:[^():]+):(\d+):\d+\)?$/.exec(frame.trim());
    if (!found) continue;
    const file = decodeURIComponent(found[1]!.replace(/^file:\/\//, ''));
    if (file.startsWith(library) || file.includes('/node_modules/')) continue;
    return { file, line: Number(found[2]) };
  }
  return undefined;
}

/** Text for an error about the call that is being made now: `apps/platform.ts:12`, or `an unknown place`. */
export const currentPlaceText = (): string => {
  const place = callerPlace();
  return place ? shortPath(place) : 'an unknown place';
};
