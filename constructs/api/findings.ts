// Collects problems while rules walk an object.
import type { Problem } from './problem.ts';

export class Findings {
  readonly problems: Problem[] = [];

  /** Refuses the object. */
  error(path: string, code: string, message: string, hint?: string): void {
    this.problems.push({ path, code, message, ...(hint ? { hint } : {}) });
  }

  /** Lets the object through and says what will not work as it reads. */
  warn(path: string, code: string, message: string, hint?: string): void {
    this.problems.push({ path, code, message, severity: 'warning', ...(hint ? { hint } : {}) });
  }

  /** A remark, such as an overlap that may be meant. */
  info(path: string, code: string, message: string, hint?: string): void {
    this.problems.push({ path, code, message, severity: 'info', ...(hint ? { hint } : {}) });
  }
}
