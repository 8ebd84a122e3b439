// istio.meta.v1alpha1.IstioStatus: the status of every kind of Istio.
import { array, intOrString, object, oneOf, string } from './schema.ts';

const condition = object('One aspect of the state.', {
  lastProbeTime: string('When the aspect was last looked at.', { format: 'date-time' }),
  lastTransitionTime: string('When the status last changed.', { format: 'date-time' }),
  message: string('Details for humans.'),
  observedGeneration: intOrString('Generation of the resource that the condition is about.'),
  reason: string('CamelCase word for the last change.'),
  status: string('True, False or Unknown.'),
  type: string('Which aspect.'),
});

export const istioStatusFields = {
  conditions: array('Current state of the resource.', condition),
  observedGeneration: intOrString('Generation of the resource that this status is about.'),
  validationMessages: array(
    'Errors and warnings that analysis found.',
    object('One finding.', {
      documentationUrl: string('Where the finding is explained.'),
      level: oneOf('How severe the finding is.', ['UNKNOWN', 'ERROR', 'WARNING', 'INFO']),
      type: object('Which finding.', {
        code: string('Seven characters, IST and four digits.'),
        name: string('Readable name.'),
      }),
    }),
  ),
};

export const istioStatus = object('What the control plane says about the resource.', istioStatusFields, {
  preserveUnknown: true,
});
