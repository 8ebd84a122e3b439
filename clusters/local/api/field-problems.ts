// Collects validation problems in the words of apimachinery's field errors.
import { isFields } from './object.ts';
import type { FieldProblem } from './status.ts';

/** A value as Go's `%#v`-like printing of field errors shows it. */
function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (value === undefined || value === null) return 'null';
  if (isFields(value) || Array.isArray(value)) return JSON.stringify(value);
  return String(value);
}

export class FieldProblems {
  readonly all: FieldProblem[] = [];

  required(field: string, detail = ''): void {
    this.all.push({
      type: 'FieldValueRequired',
      field,
      message: `Required value${detail === '' ? '' : `: ${detail}`}`,
    });
  }

  invalid(field: string, value: unknown, detail: string): void {
    this.all.push({ type: 'FieldValueInvalid', field, message: `Invalid value: ${show(value)}: ${detail}` });
  }

  typeInvalid(field: string, value: unknown, detail: string): void {
    this.all.push({ type: 'FieldValueTypeInvalid', field, message: `Invalid value: ${show(value)}: ${detail}` });
  }

  notSupported(field: string, value: unknown, supported: readonly string[]): void {
    const choices = supported.map((item) => JSON.stringify(item)).join(', ');
    this.all.push({
      type: 'FieldValueNotSupported',
      field,
      message: `Unsupported value: ${show(value)}: supported values: ${choices}`,
    });
  }

  duplicate(field: string, value: unknown): void {
    this.all.push({ type: 'FieldValueDuplicate', field, message: `Duplicate value: ${show(value)}` });
  }

  forbidden(field: string, detail: string): void {
    this.all.push({ type: 'FieldValueForbidden', field, message: `Forbidden: ${detail}` });
  }

  notFound(field: string, value: unknown): void {
    this.all.push({ type: 'FieldValueNotFound', field, message: `Not found: ${show(value)}` });
  }

  tooLong(field: string, maxBytes: number): void {
    this.all.push({ type: 'FieldValueTooLong', field, message: `Too long: may not be more than ${maxBytes} bytes` });
  }
}
