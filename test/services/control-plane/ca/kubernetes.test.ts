import { startEmbeddedKubernetes } from '../../../harness/embedded-kubernetes.ts';
import { caSuite } from './kubernetes-suite.ts';

caSuite('the CA on the embedded API server', startEmbeddedKubernetes);
