import { startEmbeddedKubernetes } from '../../../harness/embedded-kubernetes.ts';
import { injectionSuite } from './kubernetes-suite.ts';

injectionSuite('injection by the embedded API server', startEmbeddedKubernetes);
