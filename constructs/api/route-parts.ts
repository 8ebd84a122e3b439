// Parts that several routing kinds share: where traffic goes, and changes to headers.
import { array, map, object, string, type TypeOf, uint32 } from './schema.ts';

/** A service, and optionally a subset and a port of it. */
export const destination = (description: string) =>
  object(
    description,
    {
      host: string('Name of the service; short names belong to the namespace of the resource.'),
      port: object('Port of the service; needed where it has several.', { number: uint32('Number of the port.') }),
      subset: string('Name of a subset of the DestinationRule.'),
    },
    { required: ['host'] },
  );

const operations = (description: string) =>
  object(description, {
    add: map('Headers to append.', string('Value; may hold `%VARIABLE%` of Envoy.')),
    remove: array('Headers to take off.', string('Name of a header.')),
    set: map('Headers to replace.', string('Value; may hold `%VARIABLE%` of Envoy.')),
  });

export const headers = object('Changes to headers, in the order set, add, remove.', {
  request: operations('Changes before the request is sent on.'),
  response: operations('Changes before the answer is sent back.'),
});

export type Destination = TypeOf<ReturnType<typeof destination>>;
export type HeaderOperations = TypeOf<typeof headers>;
