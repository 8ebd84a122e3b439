// The CA on a real kube-apiserver: Secret, ConfigMaps, TokenRequest and TokenReview.
import { describe, test } from '@jest/globals';
import { startRealKubernetes, whyNoRealKubernetes } from '../../harness/real-kubernetes.ts';
import { caSuite } from '../../services/control-plane/ca/kubernetes-suite.ts';

const why = whyNoRealKubernetes();
if (why) {
  describe('the CA on a real API server', () => {
    test.skip(`skipped: ${why}`, () => undefined);
  });
} else {
  caSuite('the CA on a real API server', startRealKubernetes);
}
