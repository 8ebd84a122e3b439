// Our controllers and our applier on a real kube-apiserver that has no controllers of its own.
import { describe, test } from '@jest/globals';
import { applierSuite } from '../clusters/existing/suite.ts';
import { controllerSuite } from '../clusters/local/controllers/suite.ts';
import { startRealKubernetes, whyNoRealKubernetes } from '../harness/real-kubernetes.ts';

const why = whyNoRealKubernetes();
if (why) {
  describe('our controllers on a real API server', () => {
    test.skip(`skipped: ${why}`, () => undefined);
  });
} else {
  controllerSuite('our controllers on a real API server', startRealKubernetes);
  applierSuite('our applier on a real API server', startRealKubernetes);
}
