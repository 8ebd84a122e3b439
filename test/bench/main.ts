// `npm run bench`: every benchmark one after another, each beside its peer in one run, as ratios.
import { benchMesh } from './mesh.ts';
import { benchProxy } from './proxy.ts';

console.log('--- proxy beside stock Envoy: HTTP/1.1 keep-alive, same routes over ADS, metrics and access log on');
await benchProxy();
console.log('--- the local mesh');
await benchMesh();
