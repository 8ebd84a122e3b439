// One condition of a route. A route matches where all of its conditions hold.
import type { MatchRequest } from './request.ts';

export interface Condition {
  /** @param path the path without query and fragment @param random in [0, 1) */
  holds(request: MatchRequest, path: string, random: number): boolean;
  /** For explanations: `header end-user is "jason"`. */
  readonly text: string;
  /** What the request has instead: `"bob"`, `absent`. */
  found(request: MatchRequest, path: string): string;
}
