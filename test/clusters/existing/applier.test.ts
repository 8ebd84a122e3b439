import { startEmbeddedKubernetes } from '../../harness/embedded-kubernetes.ts';
import { applierSuite } from './suite.ts';

applierSuite('applier on the embedded API server', startEmbeddedKubernetes);
