// The public API for tests of a program: `import { expectRequest } from 'rigging/testing'`.
export { expectRequest, RequestExpectation, RequestLine, type RequestSource } from './expect-request.ts';
export type { Declared } from './objects.ts';
export { testEnvironment } from '../environment.ts';
