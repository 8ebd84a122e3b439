// Base of all constructs: remembers where it was made and refuses a name that is taken, naming both places.
import { Construct } from 'constructs';
import { currentPlaceText, describeConstruct, rememberPlace } from './provenance.ts';

export abstract class MeshConstruct extends Construct {
  constructor(scope: Construct, id: string) {
    super(freeScope(scope, id), id);
    rememberPlace(this);
  }
}

/** The scope, once it is known to have no child of this name. */
export function freeScope<Scope extends Construct>(scope: Scope, id: string): Scope {
  const taken = scope.node.tryFindChild(id);
  if (!taken) return scope;
  const parent = scope.node.path === '' ? 'the app' : `"${scope.node.path}"`;
  throw new Error(
    `duplicate construct name "${id}" in ${parent}: ${describeConstruct(taken)} has it, ` +
      `and ${currentPlaceText()} asks for it again; give one of them another name`,
  );
}
